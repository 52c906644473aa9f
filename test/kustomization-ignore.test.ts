import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { configMapKey, deploymentKey, World } from './support/world.ts';

const RULES = [
  { paths: ['/spec/replicas', '/spec/template/spec/containers/0/image'], target: { kind: 'Deploy.*', name: 'cart' } },
  { paths: ['/data/size', '/data/none', 'data/colour'], target: { group: '', kind: 'ConfigMap' } },
];

const requests = new Requests();
let world: World;
let dir: string;
const start = (): Promise<unknown> =>
  world.startAgent({ connect: { counter: requests }, records: { dir, maker: 'this build' } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  world = await World.start({ agent: false });
  await start();
  const commit = await world.repository.commit(files('green', 'm', 1));
  await world.gitRepository();
  await world.kustomization('apps', { ignore: RULES });
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(async () => {
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

function files(colour: string, size: string, replicas: number, image = 'shop/cart:1'): Record<string, string> {
  const { target } = world;
  return {
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour, size }),
    'apps/cart.yaml': deployment(target, 'cart', { replicas, image }),
  };
}

const cart = () => deploymentKey(world.target, 'cart');
const settings = () => configMapKey(world.target, 'settings');
const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;

interface Spec {
  replicas?: number;
  template: { metadata: { labels: Record<string, string> }; spec: { containers: { image: string }[] } };
}
const specOf = (object: KubeObject | null): Spec => object?.['spec'] as Spec;
const scaleOf = (object: KubeObject | null): (number | string | undefined)[] => [
  specOf(object).replicas,
  specOf(object).template.spec.containers[0]?.image,
];

/** Whether our set of an object has a field of this name. */
function owns(object: KubeObject | null, field: string): boolean {
  const ours = object?.metadata.managedFields?.filter(
    ({ manager, operation }) => manager === APPLY_MANAGER && operation === 'Apply',
  );
  return JSON.stringify(ours?.map(({ fieldsV1 }) => fieldsV1)).includes(`"f:${field}"`);
}

const scale = (replicas: number): Promise<KubeObject> =>
  world.edit(cart(), { spec: { replicas } }, 'horizontal-pod-autoscaler');

/** Writes of ours to objects since the last look. */
const writes = (): string[] =>
  requests.take().filter((request) => /^(apply|patch|create|delete) (configmaps|deployments|namespaces)/.test(request));

async function answered(): Promise<void> {
  await world.judgedAnew('apps');
}

test('an object is created in full, and what is ignored is given up', async () => {
  const object = await world.get(cart());
  expect(scaleOf(object)).toEqual([1, 'shop/cart:1']);
  expect(['replicas', 'image', 'name', 'selector'].map((field) => owns(object, field))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  const map = await world.get(settings());
  expect(data(map)).toEqual({ colour: 'green', size: 'm' });
  expect([owns(map, 'size'), owns(map, 'colour')]).toEqual([false, true]);
});

test('what others make of an ignored field is theirs: no drift, no write, whichever way they write', async () => {
  writes();
  await scale(5);
  const image = { name: 'app', image: 'shop/cart:rolled' };
  const applied = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cart', namespace: world.target },
    spec: { template: { spec: { containers: [image] } } },
  };
  await world.cluster.apply(applied, { fieldManager: 'image-updater', force: true });
  await world.edit(settings(), { data: { size: 'xl' } });
  await answered();
  // A declared field that is not ignored is put right all the while; its repair leaves the ignored ones.
  await world.edit(settings(), { data: { colour: 'red' } });
  await world.until(settings(), 'be green again', (object) => data(object)?.['colour'] === 'green');
  expect(scaleOf(await world.get(cart()))).toEqual([5, 'shop/cart:rolled']);
  expect(data(await world.get(settings()))).toEqual({ colour: 'green', size: 'xl' });
  expect(writes().filter((request) => request.includes('deployments'))).toEqual([]);
  await world.event(world.unitKey('apps'), 'DriftCorrected');
  const told = (await world.events(world.unitKey('apps'))).filter(({ reason }) => reason === 'DriftCorrected');
  expect(told.map(({ message }) => message)).toEqual([
    `drift corrected: ConfigMap/${world.target}/settings: kubectl-edit changed data.colour`,
  ]);
});

test('a new value of an ignored field in Git is no change', async () => {
  writes();
  const revision = await world.push(files('green', 's', 3, 'shop/cart:2'));
  await world.applied('apps', revision);
  expect(writes()).toEqual([]);
  expect(scaleOf(await world.get(cart()))).toEqual([5, 'shop/cart:rolled']);
});

test('a commit that changes other fields leaves the ignored ones', async () => {
  const { target } = world;
  const labelled = deployment(target, 'cart', { replicas: 3, image: 'shop/cart:2' }).replace(
    'labels: { app: cart }\n    spec',
    'labels: { app: cart, tier: web }\n    spec',
  );
  const revision = await world.push({ ...files('blue', 's', 3), 'apps/cart.yaml': labelled });
  await world.applied('apps', revision);
  const object = await world.get(cart());
  expect(specOf(object).template.metadata.labels['tier']).toBe('web');
  expect(scaleOf(object)).toEqual([5, 'shop/cart:rolled']);
  expect(data(await world.get(settings()))).toEqual({ colour: 'blue', size: 'xl' });
});

test('an object that is there already keeps what it has of the ignored fields', async () => {
  const name = 'adopted';
  const metadata = { name, namespace: world.target };
  const made = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { colour: 'red', size: 'xs', note: 'mine' } };
  await world.cluster.apply(made, { fieldManager: 'kubectl', force: true });
  const map = configMap(world.target, name, { colour: 'green', size: 'm' });
  await world.applied('apps', await world.push({ 'apps/adopted.yaml': map }));
  const adopted = await world.get(configMapKey(world.target, name));
  expect(data(adopted)).toEqual({ colour: 'green', size: 'xs' });
  expect(owns(adopted, 'size')).toBe(false);
});

test('a container that comes in later comes with its image; from then on that is left alone too', async () => {
  const rules = [
    { paths: ['/spec/replicas', '/spec/template/spec/containers/0/image', '/spec/template/spec/containers/1/image'] },
  ];
  await world.kustomization('apps', { ignore: [...rules, ...RULES] });
  const manifest = deployment(world.target, 'cart', { replicas: 3, image: 'shop/cart:2' });
  const revision = await world.push({
    'apps/cart.yaml': `${manifest}        - name: log\n          image: shop/log:1\n`,
  });
  await world.applied('apps', revision);
  const object = await world.until(
    cart(),
    'have the container',
    (seen) => specOf(seen).template.spec.containers.length === 2,
  );
  expect(specOf(object).template.spec.containers.map(({ image }) => image)).toEqual(['shop/cart:rolled', 'shop/log:1']);
  await answered();
  expect(owns(await world.get(cart()), 'image')).toBe(false);
});

test.each(['with its records', 'without any'])('a restart %s writes nothing', async (how) => {
  await world.stopAgent();
  if (how === 'without any') await rm(dir, { recursive: true, force: true });
  await scale(how === 'without any' ? 7 : 6);
  writes();
  await start();
  await answered();
  expect(writes()).toEqual([]);
  expect(scaleOf(await world.get(cart()))).toEqual([how === 'without any' ? 7 : 6, 'shop/cart:rolled']);
});

test('a field whose rule is taken away is taken back', async () => {
  await world.kustomization('apps', { ignore: RULES.slice(1) });
  const object = await world.until(cart(), 'be as declared', (seen) => specOf(seen).replicas === 3);
  expect(scaleOf(object)).toEqual([3, 'shop/cart:2']);
  await world.until(cart(), 'have its replicas owned', (seen) => owns(seen, 'replicas'));
  await scale(9);
  await world.until(cart(), 'be scaled back', (seen) => specOf(seen).replicas === 3);
});

test('a field that gets a rule is given up with the value it has', async () => {
  const generation = (await world.get(cart()))?.metadata.generation;
  await world.kustomization('apps', { ignore: RULES });
  const object = await world.until(cart(), 'be given up', (seen) => !owns(seen, 'replicas'));
  expect(scaleOf(object)).toEqual([3, 'shop/cart:2']);
  expect(object?.metadata.generation).toBe(generation);
  await scale(8);
  await answered();
  expect(specOf(await world.get(cart())).replicas).toBe(8);
});

test('a deleted object comes back in full, and is given up again', async () => {
  const before = await world.get(cart());
  await world.cluster.delete(cart());
  const object = await world.until(
    cart(),
    'be another one, given up',
    (seen) => seen !== null && seen.metadata.uid !== before?.metadata.uid && !owns(seen, 'replicas'),
  );
  expect(scaleOf(object)).toEqual([3, 'shop/cart:2']);
});

test('a rule that cannot be used is refused by name', async () => {
  await world.kustomization('apps', { ignore: [{ paths: ['/spec/replicas'], target: { kind: 'Deployment(' } }] });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'InvalidSpec');
  expect(JSON.stringify(unit['status'])).toContain('spec.ignore[0].target.kind');
  await world.kustomization('apps', { ignore: RULES });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect(await world.problems()).toEqual([]);
});
