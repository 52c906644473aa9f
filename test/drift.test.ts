import { OWNER_NAME_LABEL } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace, secret } from './support/manifests.ts';
import { configMapKey, deploymentKey, World } from './support/world.ts';

const CANARY = 'canary-3f9a1c';

let world: World;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green', size: 'm' }),
    'apps/cart.yaml': deployment(target, 'cart', { replicas: 1 }),
    'apps/token.yaml': secret(target, 'token', { key: `${CANARY}-declared` }),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;

test('a value edited by hand is put back, and the event says whose it was and where', async () => {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { data: { colour: 'red' } });
  await world.until(key, 'be green again', (object) => data(object)?.['colour'] === 'green');
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('settings'));
  expect(message).toBe(`drift corrected: ConfigMap/${world.target}/settings: kubectl-edit changed data.colour`);
});

test("a field taken over by another manager's forced apply is taken back", async () => {
  const key = deploymentKey(world.target, 'cart');
  const other = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cart', namespace: world.target },
    spec: { replicas: 3 },
  };
  await world.cluster.apply(other, { fieldManager: 'somebody-else', force: true });
  await world.until(key, 'have one replica again', (object) => {
    const spec = object?.['spec'] as { replicas: number } | undefined;
    const owners = object?.metadata.managedFields?.filter((entry) =>
      JSON.stringify(entry.fieldsV1).includes('f:replicas'),
    );
    return spec?.replicas === 1 && owners?.some(({ manager }) => manager === 'kustomize-controller') === true;
  });
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('cart'));
  expect(message).toBe(`drift corrected: Deployment/${world.target}/cart: somebody-else changed spec.replicas`);
});

test('a declared field that was removed comes back', async () => {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { data: { size: null } });
  await world.until(key, 'have its size again', (object) => data(object)?.['size'] === 'm');
  await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.endsWith('data.size'));
});

test('a deleted object comes back', async () => {
  const key = configMapKey(world.target, 'settings');
  const before = await world.get(key);
  await world.cluster.delete(key);
  await world.until(
    key,
    'be another object',
    (object) => object !== null && object.metadata.uid !== before?.metadata.uid,
  );
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('deleted'));
  expect(message).toBe(`drift corrected: ConfigMap/${world.target}/settings was deleted and is created again`);
});

test('a removed owner label comes back, and is not told as a deletion', async () => {
  const key = configMapKey(world.target, 'settings');
  const before = await world.get(key);
  await world.edit(key, { metadata: { labels: { [OWNER_NAME_LABEL]: null } } });
  const after = await world.until(
    key,
    'be labelled',
    (object) => object?.metadata.labels?.[OWNER_NAME_LABEL] === 'apps',
  );
  expect(after?.metadata.uid).toBe(before?.metadata.uid);
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('labels'));
  expect(message).toBe(
    `drift corrected: ConfigMap/${world.target}/settings: somebody changed metadata.labels[${OWNER_NAME_LABEL}]`,
  );
});

test('an owner label that names nobody is put right', async () => {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { metadata: { labels: { [OWNER_NAME_LABEL]: 'nobody' } } });
  await world.until(key, 'be ours', (object) => object?.metadata.labels?.[OWNER_NAME_LABEL] === 'apps');
});

test('fields nobody declared are left alone', async () => {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { data: { note: 'mine' }, metadata: { annotations: { 'example.com/owner': 'ops' } } });
  // The repair of what is declared comes later than the look at what is not.
  await world.edit(key, { data: { colour: 'red' } });
  const after = await world.until(key, 'be green again', (object) => data(object)?.['colour'] === 'green');
  expect(data(after)).toEqual({ colour: 'green', size: 'm', note: 'mine' });
  expect(after?.metadata.annotations).toEqual({ 'example.com/owner': 'ops' });
});

test('a Secret is put right without a word of its values', async () => {
  const key = { group: '', version: 'v1', kind: 'Secret', namespace: world.target, name: 'token' };
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  await world.edit(key, { data: { key: encode(`${CANARY}-live`) } });
  await world.until(key, 'be as declared', (object) => data(object)?.['key'] === encode(`${CANARY}-declared`));
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('Secret'));
  expect(message).toContain(`Secret/${world.target}/token: kubectl-edit changed`);
  const told = JSON.stringify([
    await world.events(world.unitKey('apps')),
    await world.get(world.unitKey('apps')),
    world.faults,
  ]);
  expect(told).not.toContain(CANARY);
  expect(told).not.toContain(encode(CANARY).slice(0, 12));
});

test('all the while the unit stayed Ready at its revision', async () => {
  const unit = await world.get(world.unitKey('apps'));
  expect(unit?.['status']).toMatchObject({ conditions: [{ type: 'Ready', status: 'True' }] });
  const reasons = (await world.events(world.unitKey('apps'))).filter(({ type }) => type === 'Warning');
  expect(reasons).toEqual([]);
  expect(await world.problems()).toEqual([]);
});
