import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { GIT_REPOSITORY } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'library/shared.yaml': configMap(target, 'shared', { from: 'library' }),
    'notes/a.yaml': 'not: [manifest',
  });
});
afterAll(() => world.close());

const key = (name: string): ObjectKey => ({ ...GIT_REPOSITORY, namespace: world.namespace, name });

function source(name: string, spec: JsonObject = {}): Promise<KubeObject> {
  return world.apply({
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { name, namespace: world.namespace },
    spec: { url: world.repository.url, interval: '10m', ref: { branch: 'main' }, ...spec },
  });
}

const include = [{ repository: { name: 'library' }, fromPath: 'library', toPath: 'apps/shared' }];

test('an include that is not there is told, and waited for', async () => {
  await source('shop', { include, sparseCheckout: ['apps'] });
  const waiting = await world.conditionIs(key('shop'), 'IncludeUnavailable', 'True', 'NotFound');
  expect(condition(waiting, 'Ready')?.message).toMatch(/^could not get resource for include 'library': /);
  expect(condition(waiting, 'FetchFailed')).toBeUndefined();
});

test('with it the artifact is made of both, and says so', async () => {
  const { target } = world;
  await source('library', { sparseCheckout: ['library'], ref: { branch: 'main' } });
  const made = await world.conditionIs(key('shop'), 'Ready', 'True', 'Succeeded');
  expect(condition(made, 'IncludeUnavailable')).toBeUndefined();
  const library = (await world.get(key('library'))) as unknown as { status: { artifact: JsonObject } };
  expect(made['status']).toMatchObject({
    observedInclude: include,
    observedSparseCheckout: ['apps'],
    includedArtifacts: [library.status.artifact],
  });
  await world.kustomization('apps');
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
  expect((await world.get(configMapKey(target, 'shared')))?.['data']).toEqual({ from: 'library' });
});

test('a change of the included one reaches the other without waiting for its interval', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'library/shared.yaml': configMap(target, 'shared', { from: 'elsewhere' }),
  });
  await world.request(key('library'));
  await world.until(key('shop'), `include ${commit}`, (object) => {
    const status = object?.['status'] as { includedArtifacts?: { revision: string }[] } | undefined;
    return status?.includedArtifacts?.[0]?.revision === `main@sha1:${commit}`;
  });
});

interface Odd {
  what: string;
  spec: JsonObject;
  type: string;
  reason: string;
  words: RegExp;
}

test.each<Odd>([
  {
    what: 'a circle',
    spec: { include: [{ repository: { name: 'odd' } }] },
    type: 'IncludeUnavailable',
    reason: 'InvalidSpec',
    words: /odd -> odd$/,
  },
  {
    what: 'a sparse folder that is not there',
    spec: { sparseCheckout: ['nope'] },
    type: 'FetchFailed',
    reason: 'GitOperationFailed',
    words: /^failed to sparse checkout directories : sparse checkout dir 'nope' does not exist in repository$/,
  },
  {
    what: 'ssh without a secret',
    spec: { url: 'ssh://git@git.test/shop' },
    type: 'FetchFailed',
    reason: 'AuthenticationFailed',
    words: /^failed to configure authentication options: invalid 'ssh' auth option: 'identity' is required$/,
  },
  {
    what: 'a proxy without a secret',
    spec: { proxySecretRef: { name: 'proxy' } },
    type: 'FetchFailed',
    reason: 'AuthenticationFailed',
    words: /^failed to configure proxy options: invalid proxy secret '.*\/proxy': secrets "proxy" not found$/,
  },
  {
    what: 'the provider github without an app',
    spec: { provider: 'github' },
    type: 'Stalled',
    reason: 'InvalidProviderConfiguration',
    words: /^secretRef with github app data must be specified when provider is set to github$/,
  },
])('$what is told as Flux tells it', async ({ spec, type, reason, words }) => {
  await source('odd', spec);
  const told = await world.conditionIs(key('odd'), type, 'True', reason);
  expect(condition(told, 'Ready')).toMatchObject({ status: 'False', reason });
  expect(condition(told, 'Ready')?.message).toMatch(words);
  await world.cluster.delete(key('odd'));
  await world.until(key('odd'), 'go', (object) => object === null);
});

test('no rule was broken on the way', async () => {
  expect(await world.problems()).toEqual([]);
});
