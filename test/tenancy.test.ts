import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap } from './support/manifests.ts';
import { ALL_VERBS, Tenant } from './support/tenant.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

/** What `--tenancy-lockdown` sets. */
const LOCKED = {
  crossNamespaceRefs: false,
  remoteBases: false,
  defaultServiceAccount: 'default',
  remoteClusters: { defaultAccount: 'default' },
};

let world: World;
let tenant: Tenant;
beforeAll(async () => {
  world = await World.start({ agent: LOCKED });
  tenant = new Tenant(world, 'default');
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.repository.commit({
    'apps/settings.yaml': configMap(target, 'settings', { a: '1' }),
    'apps/more.yaml': configMap(target, 'more', { a: '1' }),
  });
  await world.gitRepository();
});
afterAll(() => world.close());

const readyMessage = (unit: KubeObject): string => condition(unit, 'Ready')?.message ?? '';

test('locked down, a unit that names no account is refused what the default one may not', async () => {
  await world.kustomization('apps', { retryInterval: '1s' });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(readyMessage(unit)).toMatch(tenant.forbidden('patch'));
  expect(await world.get(configMapKey(world.target, 'settings'))).toBeNull();
});

test('locked down, it is applied once that account may', async () => {
  await tenant.grant();
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect(statusOf(unit).inventory?.entries).toHaveLength(2);
  expect(await world.get(configMapKey(world.target, 'settings'))).not.toBeNull();
});

test('locked down, it is pruned as that account', async () => {
  await tenant.grant(ALL_VERBS.filter((verb) => verb !== 'delete'));
  await tenant.untilMay('delete', false);
  await world.push({ 'apps/more.yaml': null });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'PruneFailed');
  expect(readyMessage(unit)).toMatch(tenant.forbidden('delete'));
  const more = configMapKey(world.target, 'more');
  expect(await world.get(more)).not.toBeNull();
  await tenant.grant();
  await world.until(more, 'be gone', (object) => object === null);
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
});

test('locked down, a unit that names an account acts as that one', async () => {
  await world.kustomization('named', { path: './apps', serviceAccountName: 'other', retryInterval: '1s' });
  const unit = await world.conditionIs(world.unitKey('named'), 'Ready', 'False', 'ReconciliationFailed');
  expect(readyMessage(unit)).toMatch(new Tenant(world, 'other').forbidden('patch'));
});

test('locked down, a source of another namespace is refused', async () => {
  const sourceRef = { kind: 'GitRepository', name: 'shop', namespace: world.target };
  await world.kustomization('foreign', { path: './apps', sourceRef });
  const unit = await world.conditionIs(world.unitKey('foreign'), 'Stalled', 'True', 'AccessDenied');
  const words = `can't access 'GitRepository/${world.target}/shop', cross-namespace references have been blocked`;
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'AccessDenied', message: words });
  expect(await world.problems()).toEqual([]);
});
