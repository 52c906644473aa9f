import type { Kustomization } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

const PROTECTED = '  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const files = {
    'apps/namespace.yaml': namespace(target),
    'apps/old.yaml': configMap(target, 'old', { a: '1' }),
    'apps/kept.yaml': configMap(target, 'kept', { a: '1' }).replace('\ndata:', `\n${PROTECTED}data:`),
    'apps/taken.yaml': configMap(target, 'taken', { a: '1' }),
    'apps/stays.yaml': configMap(target, 'stays', { a: '1' }),
    'careful/one.yaml': configMap(target, 'one', { a: '1' }),
    'careful/two.yaml': configMap(target, 'two', { a: '1' }),
  };
  const commit = await world.repository.commit(files);
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
  await world.kustomization('careful', { prune: false });
  await world.applied('careful', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const ids = (unit: Kustomization): string[] => (unit.status?.inventory?.entries ?? []).map(({ id }) => id);

test('what leaves the repository leaves the cluster, unless it asks to stay or is not ours any more', async () => {
  const { target } = world;
  const others = {
    'kustomize.toolkit.fluxcd.io/name': 'elsewhere',
    'kustomize.toolkit.fluxcd.io/namespace': 'elsewhere',
  };
  await world.suspend('apps', true);
  await world.edit(configMapKey(target, 'taken'), { metadata: { labels: others } });
  const revision = await world.push({
    'apps/old.yaml': null,
    'apps/kept.yaml': null,
    'apps/taken.yaml': null,
    'careful/two.yaml': null,
  });
  await world.fetched(revision);
  await world.suspend('apps', false);
  const apps = await world.applied('apps', revision);
  const careful = await world.applied('careful', revision);

  expect(await world.get(configMapKey(target, 'old'))).toBeNull();
  expect(await world.get(configMapKey(target, 'kept'))).not.toBeNull();
  expect(await world.get(configMapKey(target, 'taken'))).not.toBeNull();
  expect(await world.get(configMapKey(target, 'stays'))).not.toBeNull();
  expect(await world.get(configMapKey(target, 'two'))).not.toBeNull();
  expect(ids(apps)).toEqual([`_${target}__Namespace`, `${target}_stays__ConfigMap`]);
  expect(ids(careful)).toEqual([`${target}_one__ConfigMap`]);
  await world.event(world.unitKey('apps'), 'Progressing', (message) => message === `ConfigMap/${target}/old deleted`);
});

test('what was left behind is not watched over any more', async () => {
  const { target } = world;
  await world.cluster.delete(configMapKey(target, 'kept'));
  await world.cluster.delete(configMapKey(target, 'two'));
  // A drift repaired after them shows that they had their turn.
  await world.cluster.delete(configMapKey(target, 'stays'));
  await world.until(configMapKey(target, 'stays'), 'come back', (object) => object !== null);
  expect(await world.get(configMapKey(target, 'kept'))).toBeNull();
  expect(await world.get(configMapKey(target, 'two'))).toBeNull();
  expect(await world.problems()).toEqual([]);
});
