import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace, serviceAccount } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());

const INVALID = `apiVersion: v1
kind: Service
metadata:
  name: cart
  namespace: TARGET
spec:
  ports:
    - port: 99999
`;

test('one bad object leaves its whole stage as it was, and says which it is and where it is declared', async () => {
  const { target } = world;
  const first = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'other/account.yaml': serviceAccount(target, 'cart'),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${first}`);
  await world.kustomization('other');
  await world.applied('other', `main@sha1:${first}`);
  const before = await world.get(configMapKey(target, 'settings'));

  const revision = await world.push({
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'blue' }),
    'apps/added.yaml': configMap(target, 'added', { a: '1' }),
    'apps/service.yaml': INVALID.replace('TARGET', target),
    'other/account.yaml': serviceAccount(target, 'checkout'),
  });
  const failed = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  const message = condition(failed, 'Ready')?.message ?? '';
  expect(message).toContain(`Service/${target}/cart dry-run failed (Invalid)`);
  expect(message).toContain('apps/service.yaml');
  expect(message).toContain('99999');
  expect(failed['status']).toMatchObject({
    lastAppliedRevision: `main@sha1:${first}`,
    lastAttemptedRevision: revision,
    observedGeneration: 1,
  });
  expect(condition(failed, 'Reconciling')).toMatchObject({ status: 'True', reason: 'ProgressingWithRetry' });
  expect((await world.get(configMapKey(target, 'settings')))?.metadata.resourceVersion).toBe(
    before?.metadata.resourceVersion,
  );
  expect(await world.get(configMapKey(target, 'added'))).toBeNull();
  await world.event(world.unitKey('apps'), 'ReconciliationFailed', (text) => text.includes('apps/service.yaml'));
  await world.applied('other', revision);
  expect(await world.get({ ...configMapKey(target, 'checkout'), kind: 'ServiceAccount' })).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});

test('drift is still put right while the head cannot be applied', async () => {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { data: { colour: 'red' } });
  const colour = (data: unknown): unknown => (data as { colour: string } | undefined)?.colour;
  await world.until(key, 'be green again', (object) => colour(object?.['data']) === 'green');
  expect(condition(await world.get(world.unitKey('apps')), 'Ready')?.reason).toBe('ReconciliationFailed');
});

test('the next commit puts it right at once', async () => {
  const { target } = world;
  const revision = await world.push({ 'apps/service.yaml': INVALID.replace('TARGET', target).replace('99999', '80') });
  await world.applied('apps', revision);
  expect((await world.get(configMapKey(target, 'settings')))?.['data']).toEqual({ colour: 'blue' });
  expect(await world.get(configMapKey(target, 'added'))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
