import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployment, namespace } from './support/manifests.ts';
import { condition, deploymentKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());

test('a rollout that does not get ready in time is told with what it waits for', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:unready' }),
  });
  await world.gitRepository();
  await world.kustomization('apps', { wait: true, timeout: '10s' });
  const waiting = await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  expect(condition(waiting, 'Ready')?.status).toBe('Unknown');
  expect(condition(waiting, 'Reconciling')?.message).toBe(
    `Running health checks for revision main@sha1:${commit} with a timeout of 10s`,
  );

  const failed = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(condition(failed, 'Ready')?.message).toMatch(
    new RegExp(
      `^health check failed after \\S+s: timeout waiting for: \\[Deployment/${target}/cart status: 'InProgress'`,
    ),
  );
  expect(condition(failed, 'Healthy')).toMatchObject({ status: 'False', reason: 'HealthCheckFailed' });
  expect(failed['status']).not.toHaveProperty('lastAppliedRevision');
  await world.event(world.unitKey('apps'), 'HealthCheckFailed');
});

test('the next commit heals it at once, without waiting for the retry', async () => {
  const { target } = world;
  const revision = await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:1.0' }) });
  const unit = await world.applied('apps', revision);
  expect(unit.status?.conditions?.find(({ type }) => type === 'Healthy')).toMatchObject({
    status: 'True',
    reason: 'Succeeded',
  });
});

test('a commit overtakes a rollout that is still waited for', async () => {
  const { target } = world;
  await world.cluster.patch(world.unitKey('apps'), { spec: { timeout: '5m' } }, { type: 'merge' });
  await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:unready' }) });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  const revision = await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:1.1' }) });
  await world.applied('apps', revision);
  expect((await world.get(deploymentKey(target, 'cart')))?.['status']).toMatchObject({ readyReplicas: 1 });
});

test('a request while a rollout is waited for is answered once, when its end is known', async () => {
  const { target } = world;
  await world.cluster.patch(world.unitKey('apps'), { spec: { timeout: '10s' } }, { type: 'merge' });
  await world.push({ 'apps/cart.yaml': deployment(target, 'cart', { image: 'shop/cart:unready' }) });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  const token = await world.request(world.unitKey('apps'));
  const failed = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'HealthCheckFailed');
  expect(failed['status']).toMatchObject({ lastHandledReconcileAt: token });
  expect(await world.problems()).toEqual([]);
});
