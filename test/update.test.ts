import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { configMapKey, World } from './support/world.ts';

const requests = new Requests();
let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { connect: { counter: requests } } });
});
afterAll(() => world.close());

test('a changed value arrives, and what did not change gets no request', async () => {
  const { target } = world;
  const first = await world.repository.commit({
    'base/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'apps/limits.yaml': configMap(target, 'limits', { items: '100' }),
  });
  await world.gitRepository();
  await world.kustomization('base');
  await world.applied('base', `main@sha1:${first}`);
  await world.kustomization('apps');
  const before = await world.applied('apps', `main@sha1:${first}`);
  const neighbour = await world.get(configMapKey(target, 'limits'));
  const base = await world.applied('base', `main@sha1:${first}`);
  requests.take();

  const revision = await world.push({ 'apps/settings.yaml': configMap(target, 'settings', { colour: 'blue' }) });
  const unit = await world.applied('apps', revision);
  const advanced = await world.applied('base', revision);

  const settings = (await world.get(configMapKey(target, 'settings'))) as KubeObject;
  expect(settings['data']).toEqual({ colour: 'blue' });
  expect((await world.get(configMapKey(target, 'limits')))?.metadata.resourceVersion).toBe(
    neighbour?.metadata.resourceVersion,
  );
  expect(unit.status?.history).toMatchObject([
    { metadata: { revision } },
    { metadata: { revision: `main@sha1:${first}` } },
  ]);
  expect(unit.status?.inventory).toEqual(before.status?.inventory);
  expect(advanced.status?.history).toMatchObject([
    { digest: base.status?.history?.[0]?.digest, totalReconciliations: 2, metadata: { revision } },
  ]);
  await world.event(
    world.unitKey('apps'),
    'Progressing',
    (message) => message === `ConfigMap/${target}/settings configured`,
  );

  const sent = requests.take();
  expect(sent.filter((request) => request.endsWith(' configmaps'))).toEqual(['apply configmaps']);
  expect(sent.filter((request) => request.endsWith(' namespaces'))).toEqual([]);
});

test('a commit that touches no unit only moves their revisions', async () => {
  requests.take();
  const revision = await world.push({ 'README.md': 'The shop.\n' });
  await world.applied('apps', revision);
  await world.applied('base', revision);
  const sent = requests.take().filter((request) => !request.endsWith(' events'));
  const statuses = sent.filter((request) => request.includes('kustomizations'));
  expect(statuses).toHaveLength(2);
  expect(sent.filter((request) => !request.includes('kustomizations') && !request.includes('gitrepositories'))).toEqual(
    [],
  );
  expect(await world.problems()).toEqual([]);
});
