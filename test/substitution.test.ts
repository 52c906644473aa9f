import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const WATCHED = { 'reconcile.fluxcd.io/watch': 'Enabled' };

const requests = new Requests();
let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start({ agent: false });
  await world.startAgent({ connect: { counter: requests } });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', {
      region: '${region}',
      zone: '${zone:=none}',
      token: '${token}',
      kept: '$${kept}',
    }),
    'plain/settings.yaml': configMap(target, 'plain', { dollar: '${region}' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
});
afterAll(() => world.close());

const create = (kind: string, name: string, fields: Record<string, unknown>, labels = {}): Promise<KubeObject> =>
  world.cluster.create({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: world.namespace, labels },
    ...fields,
  });
const assertSettings = async (data: Record<string, string>, name = 'settings'): Promise<void> => {
  const holds = (object: KubeObject | null): boolean => {
    const live = (object?.['data'] ?? {}) as Record<string, string>;
    return Object.entries(data).every(([field, value]) => live[field] === value);
  };
  const live = await world.until(configMapKey(world.target, name), `hold ${JSON.stringify(data)}`, holds);
  expect(live?.['data']).toMatchObject(data);
};
const key = (kind: string, name: string) => ({ group: '', version: 'v1', kind, namespace: world.namespace, name });

test('an object that must be there and is not is named, and comes in with the next try', async () => {
  await world.kustomization('apps', {
    retryInterval: '1s',
    postBuild: {
      substitute: { region: 'eu' },
      substituteFrom: [
        { kind: 'ConfigMap', name: 'places' },
        { kind: 'Secret', name: 'tokens' },
        { kind: 'Secret', name: 'nowhere', optional: true },
      ],
    },
  });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(
    /substitute from 'ConfigMap\/places' error: configmaps "places" not found/,
  );
  await create('ConfigMap', 'places', { data: { region: 'us', zone: 'a' } });
  await create('Secret', 'tokens', { stringData: { token: 's3cr3t' } }, WATCHED);
  await world.applied('apps', revision);
  await assertSettings({ region: 'eu', zone: 'a', token: 's3cr3t', kept: '${kept}' });
});

test('a labelled Secret that changes is acted upon at once', async () => {
  await world.cluster.patch(key('Secret', 'tokens'), { stringData: { token: 'n3w' } }, { type: 'merge' });
  await assertSettings({ token: 'n3w' });
});

test('one without the label is read with the next run', async () => {
  await world.cluster.patch(key('ConfigMap', 'places'), { data: { zone: 'b' } }, { type: 'merge' });
  await world.request(world.unitKey('apps'));
  await assertSettings({ zone: 'b' });
});

test('what was put in is kept as it is', async () => {
  await world.edit(configMapKey(world.target, 'settings'), { data: { token: 'wrong' } });
  await assertSettings({ token: 'n3w' });
});

test('a variable that is not there and has no default fails the build, and shows no value', async () => {
  await world.cluster.patch(
    key('Secret', 'tokens'),
    { data: { token: null, other: btoa('0ther') } },
    { type: 'merge' },
  );
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  const message = condition(unit, 'Ready')?.message ?? '';
  expect(message).toMatch(/settings\.yaml.*post build failed for 'ConfigMap\.v1\.\[noGrp\]\/settings': .*token/);
  for (const value of ['n3w', '0ther', 's3cr3t']) expect(message).not.toContain(value);
  await assertSettings({ token: 'n3w' });
  await world.cluster.patch(key('Secret', 'tokens'), { stringData: { token: 'n3w' } }, { type: 'merge' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
});

test('a value the API server does not take is not repeated, be it a text, a number or a part of a text', async () => {
  const { target } = world;
  const taint = (name: string, fields: string): string =>
    configMap(target, name, {}).replace(`name: ${name}`, `name: ${name}\n  ${fields}`);
  await create('Secret', 'values', { stringData: { text: 's3cr3t "value"', number: '4815162342', pin: '4.8' } });
  const postBuild = { substituteFrom: [{ kind: 'Secret', name: 'values' }] };
  for (const [name, fields, says] of [
    ['text', "finalizers: ['${text}']", /finalizers\[0\]: Invalid value: "\*\*\*"/],
    ['part', 'finalizers: ["a b${number:0:6}"]', /finalizers\[0\]: Invalid value: "\*\*\*"/],
    ['number', 'generateName: ${number}', /expected string, got .*\{\*\*\*\}/],
    [
      'pin',
      'ownerReferences: [{ apiVersion: v1, kind: A, name: a, uid: "${pin}" }]',
      /expected string, got .*\{\*\*\*\}/,
    ],
  ] as const) {
    await world.push({ [`${name}/settings.yaml`]: taint(name, fields) });
    await world.kustomization(name, { postBuild });
    const unit = await world.conditionIs(world.unitKey(name), 'Ready', 'False', 'ReconciliationFailed');
    expect(condition(unit, 'Ready')?.message).toMatch(says);
    const events = await world.events(world.unitKey(name));
    const messages = [...(statusOf(unit).conditions ?? []), ...events].map((one) => one.message);
    expect(messages.join('\n')).not.toMatch(/s3cr3t|481516|4\.8/);
  }
});

test('a unit without postBuild is left alone, when the Secrets of others change too', async () => {
  await world.kustomization('plain');
  await assertSettings({ dollar: '${region}' }, 'plain');
  const before = await world.conditionIs(world.unitKey('plain'), 'Ready', 'True');
  requests.take();
  await world.cluster.patch(key('Secret', 'tokens'), { stringData: { token: 'n3west' } }, { type: 'merge' });
  await assertSettings({ token: 'n3west' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  const applied = requests.take().filter((request) => request === 'apply configmaps');
  // One dry run and one apply, of the object that holds the variable.
  expect(applied.length).toBeLessThanOrEqual(2);
  const after = await world.get(world.unitKey('plain'));
  expect(after?.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  expect(await world.problems()).toEqual([]);
});
