import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { condition, configMapKey, deploymentKey, World } from './support/world.ts';

const SCRIPT = 'sandbox.plumb.dev/behaviour';

let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { dependencyInterval: 120_000 } });
});
afterAll(() => world.close());

test('three units come up in the order they name, each as soon as the one before is Ready', async () => {
  const { target } = world;
  const slow = deployment(target, 'store').replace(
    'labels: { app: store }\n    spec',
    `labels: { app: store }\n      annotations: { ${SCRIPT}: slow-start=6s }\n    spec`,
  );
  const commit = await world.repository.commit({
    'first/namespace.yaml': namespace(target),
    'first/store.yaml': slow,
    'second/settings.yaml': configMap(target, 'settings', { a: '1' }),
    'third/cart.yaml': deployment(target, 'cart'),
  });
  const revision = `main@sha1:${commit}`;
  // The last of them first: nothing but the dependency may put them in order.
  await world.kustomization('third', { dependsOn: [{ name: 'second' }] });
  await world.kustomization('second', { dependsOn: [{ name: 'first' }] });
  await world.kustomization('first', { wait: true });
  await world.gitRepository();

  const waiting = await world.until(world.unitKey('second'), 'wait for first', (unit) => {
    return condition(unit, 'Ready')?.message === `dependency '${world.namespace}/first' is not ready`;
  });
  expect(condition(waiting, 'Ready')).toMatchObject({ status: 'False', reason: 'DependencyNotReady' });
  await world.until(deploymentKey(target, 'store'), 'be there', (object) => object !== null);
  expect(await world.get(configMapKey(target, 'settings'))).toBeNull();

  const ready = await world.applied('first', revision);
  const began = performance.now();
  await world.applied('second', revision);
  await world.applied('third', revision);
  // A unit that only looks again from time to time would need two minutes.
  expect(performance.now() - began).toBeLessThan(25_000);
  const created = (object: { metadata: { creationTimestamp?: string } } | null): number =>
    Date.parse(object?.metadata.creationTimestamp ?? '');
  const settled = Date.parse(ready.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');
  expect(created(await world.get(configMapKey(target, 'settings')))).toBeGreaterThanOrEqual(settled);
});

test('a new commit goes through them in the same order', async () => {
  const { target } = world;
  const revision = await world.push({ 'second/settings.yaml': configMap(target, 'settings', { a: '2' }) });
  await world.applied('third', revision);
  const second = await world.get(world.unitKey('second'));
  expect(second?.['status']).toMatchObject({ lastAppliedRevision: revision });
});

test('a dependency that does not exist is named', async () => {
  await world.kustomization('alone', { path: './third', dependsOn: [{ name: 'missing' }] });
  const unit = await world.conditionIs(world.unitKey('alone'), 'Ready', 'False', 'DependencyNotReady');
  expect(condition(unit, 'Ready')?.message).toBe(`dependency '${world.namespace}/missing' not found`);
});

test('units that wait for each other are told so', async () => {
  await world.kustomization('egg', { path: './second', dependsOn: [{ name: 'hen' }] });
  await world.kustomization('hen', { path: './second', dependsOn: [{ name: 'egg' }] });
  const cycle = await world.until(
    world.unitKey('hen'),
    'name the cycle',
    (unit) => condition(unit, 'Ready')?.message.includes('cycle') === true,
  );
  const { namespace: own } = world;
  expect(condition(cycle, 'Ready')?.message).toBe(`dependency cycle: ${own}/hen -> ${own}/egg -> ${own}/hen`);
  expect(condition(cycle, 'Ready')?.reason).toBe('DependencyNotReady');
  await world.until(
    world.unitKey('egg'),
    'name the cycle',
    (unit) => condition(unit, 'Ready')?.message.includes('cycle') === true,
  );
  expect(await world.problems()).toEqual([]);
});
