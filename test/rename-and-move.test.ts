import { OWNER_NAME_LABEL } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'left/namespace.yaml': namespace(target),
    'left/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'left/rates.yaml': configMap(target, 'rates', { vat: '19' }),
    'right/limits.yaml': configMap(target, 'limits', { items: '100' }),
  });
  await world.gitRepository();
  await world.kustomization('left');
  await world.applied('left', `main@sha1:${commit}`);
  await world.kustomization('right');
  await world.applied('right', `main@sha1:${commit}`);
});
afterAll(() => world.close());

test('a renamed object is there under its new name only', async () => {
  const { target } = world;
  const revision = await world.push({ 'left/settings.yaml': configMap(target, 'options', { colour: 'green' }) });
  await world.applied('left', revision);
  expect(await world.get(configMapKey(target, 'settings'))).toBeNull();
  expect((await world.get(configMapKey(target, 'options')))?.['data']).toEqual({ colour: 'green' });
});

test('a moved file whose object stays the same changes nothing', async () => {
  const { target } = world;
  const before = await world.get(configMapKey(target, 'options'));
  const revision = await world.push({
    'left/settings.yaml': null,
    'left/sub/options.yaml': configMap(target, 'options', { colour: 'green' }),
  });
  await world.applied('left', revision);
  expect((await world.get(configMapKey(target, 'options')))?.metadata.resourceVersion).toBe(
    before?.metadata.resourceVersion,
  );
});

test('an object moves from one Kustomization to another and is there in the end', async () => {
  const { target } = world;
  const revision = await world.push({
    'left/rates.yaml': null,
    'right/rates.yaml': configMap(target, 'rates', { vat: '19' }),
  });
  const left = await world.applied('left', revision);
  const right = await world.applied('right', revision);
  const moved = await world.until(configMapKey(target, 'rates'), 'belong to right', (object) => {
    return object?.metadata.labels?.[OWNER_NAME_LABEL] === 'right';
  });
  expect(moved?.['data']).toEqual({ vat: '19' });
  expect(left.status?.inventory?.entries.map(({ id }) => id)).not.toContain(`${target}_rates__ConfigMap`);
  expect(right.status?.inventory?.entries.map(({ id }) => id)).toContain(`${target}_rates__ConfigMap`);
  expect(await world.problems()).toEqual([]);
});
