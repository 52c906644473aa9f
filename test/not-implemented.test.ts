import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
  });
  revision = `main@sha1:${commit}`;
});
afterAll(() => world.close());

test('a field of a Kustomization whose work is to come is named, and nothing is applied', async () => {
  const { target } = world;
  await world.gitRepository();
  await world.kustomization('apps', { kubeConfig: { secretRef: { name: 'far' } } });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'NotImplemented');
  expect(condition(unit, 'Ready')?.message).toContain('spec.kubeConfig');
  expect(condition(unit, 'Stalled')).toMatchObject({ status: 'True', reason: 'NotImplemented' });
  expect(unit['status']).toMatchObject({ observedGeneration: 1 });
  expect(await world.get(configMapKey(target, 'settings'))).toBeNull();
  const token = await world.request(world.unitKey('apps'));
  await world.until(world.unitKey('apps'), 'answer', (object) => statusOf(object).lastHandledReconcileAt === token);
  await world.event(world.unitKey('apps'), 'NotImplemented');
});

test('without it, it goes on', async () => {
  await world.cluster.patch(world.unitKey('apps'), { spec: { kubeConfig: null } }, { type: 'merge' });
  const unit = await world.applied('apps', revision);
  expect(condition(unit as never, 'Stalled')).toBeUndefined();
  expect(unit.status?.observedGeneration).toBe(2);
});

test('a field that comes in later stops it, and keeps what runs', async () => {
  const { target } = world;
  await world.cluster.patch(
    world.unitKey('apps'),
    { spec: { kubeConfig: { secretRef: { name: 'far' } } } },
    { type: 'merge' },
  );
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'NotImplemented');
  expect(condition(unit, 'Ready')?.message).toContain('spec.kubeConfig');
  expect(await world.get(configMapKey(target, 'settings'))).not.toBeNull();
  await world.cluster.patch(world.unitKey('apps'), { spec: { kubeConfig: null } }, { type: 'merge' });
  await world.applied('apps', revision);
});
