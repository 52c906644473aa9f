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

async function setStatus(name: string, status: Record<string, unknown>): Promise<void> {
  await world.cluster.patch(world.unitKey(name), { status } as never, {
    type: 'merge',
    subresource: 'status',
    fieldManager: 'somebody',
  });
}

test('a status somebody else wrote is taken over: foreign conditions stay, ours are put right', async () => {
  const { target } = world;
  await world.kustomization('apps');
  const at = '2020-01-01T00:00:00Z';
  await setStatus('apps', {
    conditions: [
      {
        type: 'Audited',
        status: 'True',
        reason: 'Seen',
        message: 'by hand',
        lastTransitionTime: at,
        observedGeneration: 1,
      },
      {
        type: 'Ready',
        status: 'True',
        reason: 'Guess',
        message: 'surely',
        lastTransitionTime: at,
        observedGeneration: 1,
      },
      {
        type: 'Stalled',
        status: 'True',
        reason: 'Guess',
        message: 'or not',
        lastTransitionTime: at,
        observedGeneration: 1,
      },
    ],
    lastAppliedRevision: 'main@sha1:0000000000000000000000000000000000000000',
  });
  await world.gitRepository();
  const unit = await world.applied('apps', revision);
  expect(unit.status?.conditions).toMatchObject([
    { type: 'Ready', status: 'True', reason: 'ReconciliationSucceeded' },
    { type: 'Audited', status: 'True', reason: 'Seen', lastTransitionTime: at },
  ]);
  expect(await world.get(configMapKey(target, 'settings'))).not.toBeNull();
});

test('an inventory that lists what is not ours makes nobody delete it', async () => {
  const { target } = world;
  await world.cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'stranger', namespace: target },
  });
  const { entries } = (await world.applied('apps', revision)).status?.inventory ?? { entries: [] };
  await setStatus('apps', { inventory: { entries: [...entries, { id: `${target}_stranger__ConfigMap`, v: 'v1' }] } });
  const next = await world.push({ 'apps/settings.yaml': configMap(target, 'settings', { colour: 'blue' }) });
  const unit = await world.applied('apps', next);
  expect(await world.get(configMapKey(target, 'stranger'))).not.toBeNull();
  expect(unit.status?.inventory?.entries).toEqual(entries);
});

test('an entry nobody can read is named and stops the unit, and its removal heals it', async () => {
  const { target } = world;
  const entries = statusOf(await world.get(world.unitKey('apps'))).inventory?.entries ?? [];
  await setStatus('apps', { inventory: { entries: [...entries, { id: 'nonsense', v: 'v1' }] } });
  await world.push({ 'apps/settings.yaml': configMap(target, 'settings', { colour: 'red' }) });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain('"nonsense"');
  expect((await world.get(configMapKey(target, 'settings')))?.['data']).toEqual({ colour: 'blue' });
  await setStatus('apps', { inventory: { entries } });
  await world.request(world.unitKey('apps'));
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect(await world.problems()).toEqual([]);
});

test('a unit whose inventory cannot be read is not let go before somebody mends it', async () => {
  const { target } = world;
  const entries = statusOf(await world.get(world.unitKey('apps'))).inventory?.entries ?? [];
  await setStatus('apps', { inventory: { entries: [...entries, { id: 'nonsense', v: 'v1' }] } });
  await world.cluster.delete(world.unitKey('apps'));
  const message = await world.event(world.unitKey('apps'), 'PruneFailed');
  expect(message).toContain('"nonsense"');
  expect(await world.get(configMapKey(target, 'settings'))).not.toBeNull();
  await setStatus('apps', { inventory: { entries } });
  await world.until(world.unitKey('apps'), 'go', (object) => object === null);
  expect(await world.get(configMapKey(target, 'settings'))).toBeNull();
  expect(await world.problems()).toEqual([]);
});
