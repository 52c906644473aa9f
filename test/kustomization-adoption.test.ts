import type { JsonObject, KubeObject } from '@plumb/api';
import { APPLY_MANAGER, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import { ownedHash } from '@plumb/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { configMapKey, World } from './support/world.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const requests = new Requests();
let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { connect: { counter: requests }, overriddenManagers: ['former-'] } });
  const { target } = world;
  await world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.repository.commit({ 'apps/namespace.yaml': namespace(target) });
  await world.gitRepository();
  await world.kustomization('apps');
});
afterAll(() => world.close());

const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;

function body(name: string, values: Record<string, string>, metadata: JsonObject = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: world.target, ...metadata },
    data: values,
  };
}

/** As `kubectl apply` leaves an object: its manager's update, and its note of what it applied. */
function kubectlApply(name: string, values: Record<string, string>, metadata: JsonObject = {}): Promise<KubeObject> {
  const annotations = { ...(metadata['annotations'] as JsonObject | undefined), [LAST_APPLIED]: '{}' };
  const object = body(name, values, { ...metadata, annotations });
  return world.cluster.create(object, { fieldManager: 'kubectl-client-side-apply' });
}

const managers = (object: KubeObject | null): string[] =>
  (object?.metadata.managedFields ?? []).map(({ manager, operation }) => `${manager} ${operation}`);

async function deliver(files: Record<string, string | null>): Promise<void> {
  const revision = await world.push(files);
  await world.applied('apps', revision);
}

test('an object that kubectl applied is taken over whole: what is not declared goes, kubectl owns nothing of it', async () => {
  const { target } = world;
  await kubectlApply('cart', { colour: 'red', size: 'm', old: 'x' });
  await deliver({ 'apps/cart.yaml': configMap(target, 'cart', { colour: 'green', size: 'm' }) });
  const live = await world.get(configMapKey(target, 'cart'));
  expect(data(live)).toEqual({ colour: 'green', size: 'm' });
  expect(live?.metadata.annotations?.[LAST_APPLIED]).toBeUndefined();
  expect(managers(live)).toEqual([`${APPLY_MANAGER} Apply`]);
  const changes = await world.event(world.unitKey('apps'), 'Progressing', (text) => text.includes('/cart '));
  expect(changes).toContain(`ConfigMap/${target}/cart configured`);
});

test('a field that leaves Git later leaves the object', async () => {
  const { target } = world;
  await deliver({ 'apps/cart.yaml': configMap(target, 'cart', { colour: 'green' }) });
  expect(data(await world.get(configMapKey(target, 'cart')))).toEqual({ colour: 'green' });
});

test('so is one that kubectl applied server-side, or a manager that is overridden', async () => {
  const { target } = world;
  await world.cluster.apply(body('one', { a: '1', old: 'x' }), { fieldManager: 'kubectl', force: true });
  await world.cluster.apply(body('two', { a: '1', old: 'x' }), { fieldManager: 'former-tool', force: true });
  await world.cluster.apply(body('three', { a: '1', other: 'x' }), { fieldManager: 'another', force: true });
  await deliver({
    'apps/more.yaml': ['one', 'two', 'three'].map((name) => configMap(target, name, { a: '1' })).join('---\n'),
  });
  expect(data(await world.get(configMapKey(target, 'one')))).toEqual({ a: '1' });
  expect(data(await world.get(configMapKey(target, 'two')))).toEqual({ a: '1' });
  const three = await world.get(configMapKey(target, 'three'));
  expect(data(three)).toEqual({ a: '1', other: 'x' });
  expect(managers(three).sort()).toEqual(['another Apply', `${APPLY_MANAGER} Apply`]);
});

test('an object that asks to merge keeps what others hold', async () => {
  const { target } = world;
  const merge = { annotations: { 'kustomize.toolkit.fluxcd.io/ssa': 'Merge' } };
  await kubectlApply('merged', { a: '1', theirs: 'x' }, merge);
  await deliver({ 'apps/merged.yaml': configMap(target, 'merged', { a: '2' }) });
  const live = await world.get(configMapKey(target, 'merged'));
  expect(data(live)).toEqual({ a: '2', theirs: 'x' });
  expect(managers(live)).toContain('kubectl-client-side-apply Update');
});

test('an edit of a field nobody declared stays until its object is declared otherwise', async () => {
  const { target } = world;
  const key = configMapKey(target, 'cart');
  await world.edit(key, { data: { note: 'mine' } });
  await world.edit(key, { data: { colour: 'red' } });
  const repaired = await world.until(key, 'be green again', (object) => data(object)?.['colour'] === 'green');
  expect(data(repaired)).toEqual({ colour: 'green', note: 'mine' });
  await deliver({ 'apps/cart.yaml': configMap(target, 'cart', { colour: 'blue' }) });
  expect(data(await world.get(key))).toEqual({ colour: 'blue' });
});

test('an object that Flux applied is taken over as it is, without a write', async () => {
  const { target, namespace: home } = world;
  const labels = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: home };
  const flux = await world.cluster.apply(body('flux', { a: '1' }, { labels }), { fieldManager: APPLY_MANAGER });
  requests.take();
  await deliver({ 'apps/flux.yaml': configMap(target, 'flux', { a: '1' }) });
  expect(requests.take().filter((sent) => / configmaps/.test(sent))).toEqual(['get configmaps']);
  const live = await world.get(configMapKey(target, 'flux'));
  expect(live?.metadata.resourceVersion).toBe(flux.metadata.resourceVersion);
  await deliver({ 'apps/flux.yaml': configMap(target, 'flux', { b: '2' }) });
  expect(data(await world.get(configMapKey(target, 'flux')))).toEqual({ b: '2' });
});

test('objects without former managers cost no request more', async () => {
  const { target } = world;
  requests.take();
  await deliver({ 'apps/new.yaml': configMap(target, 'new', { a: '1' }) });
  expect(requests.take().filter((sent) => / configmaps/.test(sent))).toEqual(['apply configmaps', 'apply configmaps']);
  const live = await world.get(configMapKey(target, 'new'));
  expect(ownedHash(live as KubeObject, APPLY_MANAGER)).not.toBe('');
  expect(await world.problems()).toEqual([]);
});
