import type { JsonObject, KubeObject } from '@plumb/api';
import { FORCE_RULE, OWNER_NAME_LABEL, PRUNE_RULE, RECONCILE_RULE, SSA_RULE } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { condition, configMapKey, deploymentKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({ 'apps/namespace.yaml': namespace(target) });
  await world.gitRepository();
  await world.kustomization('apps', { wait: true });
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;

async function deliver(files: Record<string, string | null>): Promise<void> {
  const revision = await world.push(files);
  await world.applied('apps', revision);
}

/** A manifest with one more annotation or label. */
function ruled(text: string, map: 'annotations' | 'labels', rule: string, value: string): string {
  return text.replace('metadata:\n', `metadata:\n  ${map}: { "${rule}": "${value}" }\n`);
}

const foreign = (name: string, metadata: JsonObject = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: world.target, ...metadata },
  data: { whose: 'theirs' },
});

test.each<[string, 'annotations' | 'labels', string, string]>([
  ['if-not-present', 'annotations', SSA_RULE, 'ifnotpresent'],
  ['ignored', 'labels', SSA_RULE, 'Ignore'],
  ['disabled', 'annotations', RECONCILE_RULE, 'disabled'],
])('an object that is declared %s is left as somebody made it', async (name, map, rule, value) => {
  const { target } = world;
  const made = await world.apply(foreign(name));
  await deliver({ [`apps/${name}.yaml`]: ruled(configMap(target, name, { whose: 'ours' }), map, rule, value) });
  const live = await world.get(configMapKey(target, name));
  expect(live?.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  expect(live?.metadata.labels?.[OWNER_NAME_LABEL]).toBeUndefined();
});

test.each<[string, string, string]>([
  ['live-ignored', SSA_RULE, 'Ignore'],
  ['live-disabled', RECONCILE_RULE, 'Disabled'],
])('an object that asks for it itself is left alone, though it is not ours yet: %s', async (name, rule, value) => {
  const { target } = world;
  const made = await world.apply(foreign(name, { annotations: { [rule]: value } }));
  await deliver({ [`apps/${name}.yaml`]: configMap(target, name, { whose: 'ours' }) });
  expect((await world.get(configMapKey(target, name)))?.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
});

test('what is declared only if not present is created, and then left to others', async () => {
  const { target } = world;
  const key = configMapKey(target, 'once');
  const declared = (value: string): string =>
    ruled(configMap(target, 'once', { a: value }), 'annotations', SSA_RULE, 'IfNotPresent');
  await deliver({ 'apps/once.yaml': declared('1') });
  await world.edit(key, { data: { a: 'theirs' } });
  await deliver({ 'apps/once.yaml': declared('2') });
  expect(data(await world.get(key))).toEqual({ a: 'theirs' });
});

test('an object of ours is let go while it says so, and put right afterwards', async () => {
  const { target } = world;
  const key = configMapKey(target, 'paused');
  await deliver({ 'apps/paused.yaml': configMap(target, 'paused', { a: '1' }) });
  await world.edit(key, { metadata: { annotations: { [RECONCILE_RULE]: 'Disabled' } }, data: { a: 'theirs' } });
  await deliver({ 'apps/paused.yaml': configMap(target, 'paused', { a: '2' }) });
  expect(data(await world.get(key))).toEqual({ a: 'theirs' });
  await world.edit(key, { metadata: { annotations: { [RECONCILE_RULE]: null } } });
  await world.until(key, 'be as declared', (object) => data(object)?.['a'] === '2');
});

test('an object that must not be pruned stays when it leaves Git', async () => {
  const { target } = world;
  await deliver({ 'apps/kept.yaml': ruled(configMap(target, 'kept', {}), 'labels', PRUNE_RULE, 'Disabled') });
  await deliver({ 'apps/kept.yaml': null });
  expect(await world.get(configMapKey(target, 'kept'))).not.toBeNull();
});

const relabelled = (name: string, app: string): string =>
  deployment(world.target, name).replaceAll(`app: ${name} }`, `app: ${app} }`);

test('a change of a field that cannot change is refused, and names the field', async () => {
  const { target } = world;
  await deliver({ 'apps/cart.yaml': deployment(target, 'cart') });
  const before = await world.get(deploymentKey(target, 'cart'));
  await world.push({ 'apps/cart.yaml': relabelled('cart', 'other') });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain('cart dry-run failed (Invalid)');
  expect(condition(unit, 'Ready')?.message).toContain('field is immutable');
  expect((await world.get(deploymentKey(target, 'cart')))?.metadata.uid).toBe(before?.metadata.uid);
});

test('with spec.force the object is deleted and created again, and the event says why', async () => {
  const { target } = world;
  const key = deploymentKey(target, 'cart');
  const before = await world.get(key);
  await world.cluster.patch(world.unitKey('apps'), { spec: { force: true } }, { type: 'merge' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
  const after = await world.get(key);
  expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
  expect(after?.['spec']).toMatchObject({ selector: { matchLabels: { app: 'other' } } });
  const message = await world.event(world.unitKey('apps'), 'Progressing', (text) => text.includes('again'));
  expect(message).toBe(
    `Deployment/${target}/cart was deleted and created again: spec.selector cannot be changed in place`,
  );
});

test('with spec.force any other mistake deletes nothing', async () => {
  const { target } = world;
  const key = deploymentKey(target, 'cart');
  const before = await world.get(key);
  const broken = deployment(target, 'cart', { replicas: -1 });
  await world.push({ 'apps/cart.yaml': broken });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect(condition(unit, 'Ready')?.message).toContain('must be greater than or equal to 0');
  expect((await world.get(key))?.metadata.uid).toBe(before?.metadata.uid);
  await deliver({ 'apps/cart.yaml': relabelled('cart', 'other') });
});

test("an object's own rule forces it alone", async () => {
  const { target } = world;
  await world.cluster.patch(world.unitKey('apps'), { spec: { force: null } }, { type: 'merge' });
  await deliver({ 'apps/own.yaml': deployment(target, 'own') });
  const before = await world.get(deploymentKey(target, 'own'));
  await deliver({ 'apps/own.yaml': ruled(relabelled('own', 'other'), 'annotations', FORCE_RULE, 'enabled') });
  expect((await world.get(deploymentKey(target, 'own')))?.metadata.uid).not.toBe(before?.metadata.uid);
});

test('an object without our labels is never deleted for it', async () => {
  const { target } = world;
  const made = await world.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'stranger', namespace: target },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'app', image: 'shop/app:1.0' }] } },
    },
  });
  await world.push({
    'apps/stranger.yaml': ruled(deployment(target, 'stranger'), 'annotations', FORCE_RULE, 'Enabled'),
  });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'ReconciliationFailed');
  expect((await world.get(deploymentKey(target, 'stranger')))?.metadata.uid).toBe(made.metadata.uid);
  expect(await world.problems()).toEqual([]);
});
