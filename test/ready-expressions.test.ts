import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

/** The lockstep upgrade of Flux's documentation. */
const LOCKSTEP = "dep.metadata.labels['version'] == self.metadata.labels['version']";

let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'base/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { a: '1' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
});
afterAll(() => world.close());

const said = async (name: string, message: string): Promise<void> => {
  const saysSo = (unit: Parameters<typeof condition>[0]): boolean => condition(unit, 'Ready')?.message === message;
  await world.until(world.unitKey(name), `say ${message}`, saysSo);
};

async function label(name: string, version: string): Promise<void> {
  await world.cluster.patch(world.unitKey(name), { metadata: { labels: { version } } }, { type: 'merge' });
}

test('a unit waits until its own expression holds, though its dependency is Ready', async () => {
  const { namespace: home } = world;
  await world.kustomization('base');
  await world.applied('base', revision);
  await world.kustomization('apps', { dependsOn: [{ name: 'base', readyExpr: LOCKSTEP }] });
  await said('apps', `failed to evaluate the CEL expression '${LOCKSTEP}': no such key: labels`);
  await label('base', '2');
  await label('apps', '1');
  await said('apps', `dependency '${home}/base' is not ready according to readyExpr eval`);
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
  await label('apps', '2');
  await world.applied('apps', revision);
});

test('the expression decides alone: what it accepts need not be Ready', async () => {
  await world.cluster.patch(world.unitKey('base'), { spec: { path: './nowhere' } }, { type: 'merge' });
  await world.conditionIs(world.unitKey('base'), 'Ready', 'False');
  const token = await world.request(world.unitKey('apps'));
  const unit = await world.until(world.unitKey('apps'), 'answer', (object) => {
    return statusOf(object).lastHandledReconcileAt === token;
  });
  expect(condition(unit, 'Ready')?.status).toBe('True');
});

test('where the usual rule counts too, both have to hold', async () => {
  await world.stopAgent();
  await world.startAgent({ additiveReadyExpr: true });
  await said('apps', `dependency '${world.namespace}/base' is not ready`);
  await world.cluster.patch(world.unitKey('base'), { spec: { path: './base' } }, { type: 'merge' });
  await world.applied('apps', revision);
  await world.stopAgent();
  await world.startAgent();
});

test('an expression that cannot be used stalls its unit, and no other', async () => {
  await world.kustomization('bad', { path: './apps', dependsOn: [{ name: 'base', readyExpr: 'dep.status.ready' }] });
  const unit = await world.conditionIs(world.unitKey('bad'), 'Stalled', 'True', 'InvalidCELExpression');
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidCELExpression' });
  expect(condition(unit, 'Ready')?.message).toBe(
    'Reconciliation failed terminally due to configuration error: terminal error: failed to evaluate dependency base: ' +
      'CEL expression output type mismatch: expected bool, got dyn',
  );
  expect(statusOf(unit).observedGeneration).toBe(1);
  await world.event(world.unitKey('bad'), 'InvalidCELExpression');
  const next = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '2' }) });
  await world.applied('apps', next);
  const dependsOn = [{ name: 'base', readyExpr: 'dep.status.observedGeneration > 0' }];
  await world.cluster.patch(world.unitKey('bad'), { spec: { suspend: false, dependsOn } }, { type: 'merge' });
  const mended = await world.applied('bad', next);
  expect(condition(mended as never, 'Stalled')).toBeUndefined();
});

test('an expression that never ends waits alone', async () => {
  const endless = Array.from({ length: 8 }, (_, n) => n).reduce(
    (inner, n) => `[0,1,2,3,4,5,6,7,8,9].all(v${n}, ${inner})`,
    "dep.kind == 'Kustomization'",
  );
  await world.kustomization('endless', { path: './apps', dependsOn: [{ name: 'base', readyExpr: endless }] });
  const unit = await world.conditionIs(world.unitKey('endless'), 'Ready', 'False', 'DependencyNotReady');
  expect(condition(unit, 'Ready')?.message).toContain('actual cost limit exceeded');
  const next = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '3' }) });
  await world.applied('apps', next);
  expect(await world.problems()).toEqual([]);
});
