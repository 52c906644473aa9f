import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());

test('a commit becomes the state of the cluster', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  const unit = await world.applied('apps', `main@sha1:${commit}`);

  const settings = await world.get(configMapKey(target, 'settings'));
  expect(settings?.['data']).toEqual({ colour: 'green' });
  expect(settings?.metadata.labels).toEqual({
    'kustomize.toolkit.fluxcd.io/name': 'apps',
    'kustomize.toolkit.fluxcd.io/namespace': world.namespace,
  });
  expect(unit.status?.inventory?.entries).toEqual([
    { id: `_${target}__Namespace`, v: 'v1' },
    { id: `${target}_settings__ConfigMap`, v: 'v1' },
  ]);
  expect(world.faults).toEqual([]);
});
