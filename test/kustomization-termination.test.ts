import type { KubeObject } from '@plumb/api';
import { PRUNE_RULE } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { configMapKey, World } from './support/world.ts';

const requests = new Requests();
let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start({ agent: { connect: { counter: requests } } });
  const { target } = world;
  const maps = ['a', 'b', 'c', 'd', 'e'].map((name) => configMap(target, name, {})).join('---\n');
  const commit = await world.repository.commit({
    'base/namespace.yaml': namespace(target),
    'stuck/maps.yaml': maps,
    'kept/map.yaml': configMap(target, 'kept', {}).replace(
      'metadata:\n',
      `metadata:\n  labels: { "${PRUNE_RULE}": disabled }\n`,
    ),
    'kept/other.yaml': configMap(target, 'other', {}),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('base');
  await world.applied('base', revision);
});
afterAll(() => world.close());

const gone = (object: KubeObject | null): boolean => object === null;
const hold = (name: string, finalizers: string[]): Promise<KubeObject> =>
  world.edit(configMapKey(world.target, name), { metadata: { finalizers } });

test('a Kustomization that waits for termination goes when the last of its objects is gone', async () => {
  const key = world.unitKey('stuck');
  await world.kustomization('stuck', { deletionPolicy: 'WaitForTermination' });
  await world.applied('stuck', revision);
  await hold('c', ['example.com/hold']);
  requests.take();
  await world.cluster.delete(key);
  await world.until(configMapKey(world.target, 'e'), 'go', gone);
  await world.until(configMapKey(world.target, 'a'), 'go', gone);
  expect(await world.get(key)).not.toBeNull();
  await hold('c', []);
  await world.until(key, 'go', gone);
  const deletes = requests.take().filter((sent) => sent === 'delete configmaps');
  expect(deletes).toHaveLength(5);
});

test('it goes all the same when the timeout is over, and says so', async () => {
  const key = world.unitKey('stuck');
  await world.kustomization('stuck', { deletionPolicy: 'WaitForTermination', timeout: '2s' });
  await world.applied('stuck', revision);
  await hold('b', ['example.com/hold']);
  await world.cluster.delete(key);
  await world.event(key, 'PruneFailed', (text) => text === 'failed to wait for resources termination');
  await world.until(key, 'go', gone);
  expect((await world.get(configMapKey(world.target, 'b')))?.metadata.deletionTimestamp).toBeDefined();
  await hold('b', []);
});

test('what must not be pruned is not waited for', async () => {
  const key = world.unitKey('kept');
  await world.kustomization('kept', { deletionPolicy: 'WaitForTermination', timeout: '5m' });
  await world.applied('kept', revision);
  await world.cluster.delete(key);
  await world.until(key, 'go', gone);
  expect(await world.get(configMapKey(world.target, 'other'))).toBeNull();
  expect(await world.get(configMapKey(world.target, 'kept'))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
