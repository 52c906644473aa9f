import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.repository.commit(settings('1'));
  await world.gitRepository();
});
afterAll(() => world.close());

const settings = (a: string): Record<string, string> => ({
  'apps/settings.yaml': configMap(world.target, 'settings', { a }),
});
const TWO = (name: string) => ({
  select: { names: [name] },
  approvals: [{ name: 'two', count: 2, groups: ['sre'] }],
});
/** What a unit waits for is not there before a test makes it. */
const waitingFor = (name: string) => ({
  healthChecks: [{ apiVersion: 'v1', kind: 'ConfigMap', name, namespace: world.target }],
});

test('what runs is waited for on, while something newer is held', async () => {
  await world.kustomization('apps', { ...waitingFor('beacon'), timeout: '5m', retryInterval: '1h' });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'Unknown', 'Progressing');
  const before = await world.get(world.unitKey('apps'));
  const { lastAttemptedRevision: first } = statusOf(before);
  await policy(world, 'two', TWO('apps'));
  const second = await world.push(settings('2'));
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'Gated');
  expect(statusOf(await world.get(world.unitKey('apps')))).not.toHaveProperty('lastAppliedRevision');
  await world.cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'beacon', namespace: world.target },
  });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Healthy', 'True', 'Succeeded');
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'Gated' });
  expect(statusOf(unit)).toMatchObject({
    lastAppliedRevision: first,
    lastAttemptedRevision: second,
    history: [{ lastReconciledStatus: 'ReconciliationSucceeded', metadata: { revision: first } }],
  });
  await changeOf(world, 'apps', 'still wait', inPhase('Pending'));
  expect((await world.get(configMapKey(world.target, 'settings')))?.['data']).toEqual({ a: '1' });
});

test('that what runs does not get healthy is told, while something newer is held', async () => {
  await world.kustomization('ill', { ...waitingFor('never'), path: './apps', timeout: '15s', retryInterval: '1h' });
  await world.conditionIs(world.unitKey('ill'), 'Healthy', 'Unknown', 'Progressing');
  await policy(world, 'ill', TWO('ill'));
  await world.push(settings('3'));
  await world.conditionIs(world.unitKey('ill'), 'Ready', 'False', 'Gated');
  const unit = await world.conditionIs(world.unitKey('ill'), 'Healthy', 'False', 'HealthCheckFailed');
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'Gated' });
  expect(statusOf(unit)).toMatchObject({ history: [{ lastReconciledStatus: 'HealthCheckFailed' }] });
  await world.event(world.unitKey('ill'), 'HealthCheckFailed');
  expect(await world.problems()).toEqual([]);
});
