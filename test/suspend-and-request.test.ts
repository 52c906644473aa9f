import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'other/marker.yaml': configMap(target, 'marker', { a: '1' }),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
  await world.kustomization('other');
  await world.applied('other', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const handled = (object: KubeObject | null): string | undefined => statusOf(object).lastHandledReconcileAt;

test('a suspended unit touches nothing: neither drift nor a commit', async () => {
  const { target } = world;
  await world.suspend('apps', true);
  // What comes later of the same kind is seen later.
  await world.judgedAnew('other');
  const before = await world.get(world.unitKey('apps'));
  await world.edit(configMapKey(target, 'settings'), { data: { colour: 'red' } });
  const revision = await world.push({
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'blue' }),
    'other/marker.yaml': configMap(target, 'marker', { a: '2' }),
  });
  await world.applied('other', revision);
  expect((await world.get(configMapKey(target, 'settings')))?.['data']).toEqual({ colour: 'red' });
  expect((await world.get(world.unitKey('apps')))?.['status']).toEqual(before?.['status']);
});

test('resumed, it catches up with both', async () => {
  await world.suspend('apps', false);
  await world.until(configMapKey(world.target, 'settings'), 'be blue', (object) => {
    return (object?.['data'] as { colour: string } | undefined)?.colour === 'blue';
  });
});

test('a suspended source fetches nothing until it is resumed', async () => {
  const { target } = world;
  const suspend = (value: boolean) =>
    world.cluster.patch(world.sourceKey(), { spec: { suspend: value } }, { type: 'merge' });
  await suspend(true);
  const before = await world.get(world.sourceKey());
  const revision = await world.push({ 'other/marker.yaml': configMap(target, 'marker', { a: '3' }) });
  const token = await world.request(world.unitKey('other'));
  await world.until(world.unitKey('other'), 'answer', (unit) => handled(unit) === token);
  expect((await world.get(world.sourceKey()))?.['status']).toEqual(before?.['status']);
  await suspend(false);
  await world.applied('other', revision);
});

test('a request is recorded when the run succeeds', async () => {
  const token = await world.request(world.unitKey('apps'));
  const unit = await world.until(world.unitKey('apps'), 'answer', (object) => handled(object) === token);
  expect(condition(unit, 'Ready')?.status).toBe('True');
  const fetch = await world.requestSource();
  await world.until(world.sourceKey(), 'answer', (object) => handled(object) === fetch);
});

test('a request is recorded when the run fails', async () => {
  await world.push({ 'apps/broken.yaml': 'kind: [' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  const token = await world.request(world.unitKey('apps'));
  const unit = await world.until(world.unitKey('apps'), 'answer', (object) => handled(object) === token);
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'BuildFailed' });
});

test('a request is recorded by a source that cannot fetch', async () => {
  await world.gitRepository({ ref: { branch: 'nowhere' } });
  await world.conditionIs(world.sourceKey(), 'Ready', 'False', 'GitOperationFailed');
  const token = await world.requestSource();
  await world.until(world.sourceKey(), 'answer', (object) => handled(object) === token);
  expect(await world.problems()).toEqual([]);
});
