import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER, DRIFT_ANNOTATION, OWNER_NAME_LABEL } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace, secret } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { condition, configMapKey, deploymentKey, World } from './support/world.ts';

const CANARY = 'canary-51c07e';

const requests = new Requests();
let world: World;
let dir: string;
const start = (): Promise<unknown> =>
  world.startAgent({ connect: { counter: requests }, records: { dir, maker: 'this build' } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  world = await World.start({ agent: false });
  await start();
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green', size: 'm' }),
    'apps/spare.yaml': configMap(target, 'spare', { colour: 'green' }),
    'apps/cart.yaml': deployment(target, 'cart', { replicas: 1 }),
    'apps/token.yaml': secret(target, 'token', { key: `${CANARY}-declared` }),
    'apps/kept.yaml': withMode(configMap(target, 'kept', { colour: 'green' }), 'Correct'),
    'apps/free.yaml': withMode(configMap(target, 'free', { colour: 'green' }), 'IGNORE'),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await mode('warn');
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(async () => {
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const withMode = (manifest: string, value: string): string =>
  manifest.replace('metadata:\n', `metadata:\n  annotations: { ${DRIFT_ANNOTATION}: ${value} }\n`);

/** As a person sets it: no new generation. */
const mode = (value: string | null): Promise<KubeObject> =>
  world.edit(world.unitKey('apps'), { metadata: { annotations: { [DRIFT_ANNOTATION]: value } } });

const map = (name: string) => configMapKey(world.target, name);
const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;
const detected = (holds: (text: string) => boolean): Promise<string> =>
  world.event(world.unitKey('apps'), 'DriftDetected', holds);
const told = async (reason: string): Promise<string[]> =>
  (await world.events(world.unitKey('apps'))).filter((event) => event.reason === reason).map(({ message }) => message);
const writes = (): string[] =>
  requests
    .take()
    .filter((request) => /^(apply|patch|create|delete) (configmaps|deployments|secrets|namespaces)/.test(request));

async function answered(): Promise<void> {
  await world.judgedAnew('apps');
}

/** Waits until the condition names these objects, and no others; none: until it is gone. */
async function namesDrifted(...names: string[]): Promise<KubeObject | null> {
  const count = names.length === 1 ? '1 object differs' : `${names.length} objects differ`;
  const verb = names.length === 1 ? 'is' : 'are';
  const text = `${count} from what is declared and ${verb} left so: ${names.join(', ')}`;
  return world.until(world.unitKey('apps'), `say: ${names.join(', ') || 'nothing'}`, (unit) => {
    const drifted = condition(unit, 'Drifted');
    return names.length === 0 ? drifted === undefined : drifted?.message === text;
  });
}

test('warn: a change is told with its fields and values, and left', async () => {
  writes();
  await world.edit(map('settings'), { data: { colour: 'red', size: null } });
  const message = await detected((text) => text.includes('/settings'));
  expect(message).toBe(
    `drift detected: ConfigMap/${world.target}/settings: kubectl-edit changed ` +
      'data.colour (declared "green", is "red"), data.size (declared "m", is nothing); it is left so',
  );
  const unit = await namesDrifted(`ConfigMap/${world.target}/settings`);
  expect(condition(unit, 'Drifted')).toMatchObject({ status: 'True', reason: 'DriftDetected' });
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'True', reason: 'ReconciliationSucceeded' });
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'red' });
  expect(writes()).toEqual([]);
  const lines = [...world.agent.metrics.lines()];
  expect(lines).toContain('plumb_objects_drifted 1');
  expect(lines.find((line) => line.startsWith('plumb_drift_detected_total{'))).toMatch(/ 1$/);
});

test('it is told once: not by a run that was asked for, and again when it changes again', async () => {
  await answered();
  await answered();
  expect((await told('DriftDetected')).length).toBe(1);
  await world.edit(map('settings'), { data: { colour: 'blue' } });
  await detected((text) => text.includes('is "blue"'));
  await world.edit(map('settings'), { metadata: { annotations: { note: 'mine' } } });
  await answered();
  expect((await told('DriftDetected')).length).toBe(2);
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'blue' });
});

test('a field that changes again and again under another owner is told each time', async () => {
  const cart = deploymentKey(world.target, 'cart');
  await world.edit(cart, { spec: { replicas: 3 } }, 'autoscaler');
  await detected((text) => text.includes('autoscaler changed spec.replicas (declared 1, is 3)'));
  await world.edit(cart, { spec: { replicas: 4 } }, 'autoscaler');
  const message = await detected((text) => text.includes('is 4'));
  expect(message).toContain('Deployment/');
  await world.edit(cart, { spec: { replicas: 1 } }, 'autoscaler');
  await namesDrifted(`ConfigMap/${world.target}/settings`);
});

test('a deleted object is told and not created again', async () => {
  await world.cluster.delete(map('spare'));
  const message = await detected((text) => text.includes('/spare'));
  expect(message).toBe(`drift detected: ConfigMap/${world.target}/spare was deleted; it is not created again`);
  await namesDrifted(`ConfigMap/${world.target}/settings`, `ConfigMap/${world.target}/spare`);
  await answered();
  expect(await world.get(map('spare'))).toBeNull();
});

test('a Secret is told without a word of its values', async () => {
  const key = { group: '', version: 'v1', kind: 'Secret', namespace: world.target, name: 'token' };
  await world.edit(key, { data: { key: Buffer.from(`${CANARY}-live`).toString('base64') } });
  const message = await detected((text) => text.includes('Secret/'));
  expect(message).toContain('kubectl-edit changed data.key (declared ***, is ***)');
  const all = JSON.stringify([
    await world.events(world.unitKey('apps')),
    await world.get(world.unitKey('apps')),
    [...world.agent.metrics.lines()],
    world.faults,
  ]);
  expect(all).not.toContain(CANARY);
  expect(all).not.toContain(Buffer.from(CANARY).toString('base64').slice(0, 12));
  await world.edit(key, { data: { key: Buffer.from(`${CANARY}-declared`).toString('base64') } });
  await namesDrifted(`ConfigMap/${world.target}/settings`, `ConfigMap/${world.target}/spare`);
});

test('a lost owner label is told as that, and as over once it is back', async () => {
  const left = [`ConfigMap/${world.target}/settings`, `ConfigMap/${world.target}/spare`];
  const key = deploymentKey(world.target, 'cart');
  await world.edit(key, { metadata: { labels: { [OWNER_NAME_LABEL]: null } } });
  const message = await detected((text) => text.includes(OWNER_NAME_LABEL));
  expect(message).toContain(`metadata.labels[${OWNER_NAME_LABEL}] (declared "apps", is nothing)`);
  await namesDrifted(...left, `Deployment/${world.target}/cart`);
  await world.edit(key, { metadata: { labels: { [OWNER_NAME_LABEL]: 'apps' } } });
  await namesDrifted(...left);
});

test('what is left gone is not waited for', async () => {
  await world.kustomization('apps', { wait: true, timeout: '30s' });
  await world.conditionIs(world.unitKey('apps'), 'Healthy', 'True', 'Succeeded');
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect(condition(unit, 'Drifted')?.status).toBe('True');
});

test('an object’s own word goes before its unit’s: one is put right, one is left without a word', async () => {
  await world.edit(map('free'), { data: { colour: 'red' } });
  await world.edit(map('kept'), { data: { colour: 'red' } });
  await world.until(map('kept'), 'be green again', (object) => data(object)?.['colour'] === 'green');
  await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('/kept'));
  await answered();
  expect(data(await world.get(map('free')))).toEqual({ colour: 'red' });
  expect((await told('DriftDetected')).filter((text) => /free|kept/.test(text))).toEqual([]);
});

test.each(['with its records', 'without any'])('a restart %s leaves all of it', async (how) => {
  const before = await told('DriftDetected');
  await world.stopAgent();
  if (how === 'without any') await rm(dir, { recursive: true, force: true });
  writes();
  await start();
  await answered();
  expect(writes()).toEqual([]);
  await namesDrifted(`ConfigMap/${world.target}/settings`, `ConfigMap/${world.target}/spare`);
  expect(await world.get(map('spare'))).toBeNull();
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'blue' });
  expect(data(await world.get(map('free')))).toEqual({ colour: 'red' });
  // What was told is told again only where nothing is known of it any more.
  const again = (await told('DriftDetected')).slice(before.length);
  expect(again).toHaveLength(how === 'without any' ? 2 : 0);
});

test('what changed while no agent ran is told and left', async () => {
  await world.stopAgent();
  await world.edit(map('settings'), { data: { size: 'xl' } });
  await start();
  await detected((text) => text.includes('is "xl"'));
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'blue', size: 'xl' });
});

test('what an agent that was killed left of a commit that was taken back is no drift', async () => {
  await world.stopAgent();
  const kept = await world.get(deploymentKey(world.target, 'cart'));
  const { name, namespace: space, labels } = kept?.metadata ?? { name: '' };
  const selector = { matchLabels: { app: 'cart' } };
  const template = {
    metadata: { labels: { app: 'cart' } },
    spec: { containers: [{ name: 'app', image: 'shop/app:2.0' }] },
  };
  const half = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: space ?? '', labels: labels ?? {}, annotations: { note: 'half' } },
    spec: { replicas: 2, selector, template },
  };
  await world.cluster.apply(half, { fieldManager: APPLY_MANAGER, force: true });
  await start();
  await answered();
  const cart = await world.get(deploymentKey(world.target, 'cart'));
  expect(cart?.metadata.annotations).not.toHaveProperty('note');
  expect(cart?.['spec']).toMatchObject({
    replicas: 1,
    template: { spec: { containers: [{ image: 'shop/app:1.0' }] } },
  });
  expect((await told('DriftDetected')).filter((text) => text.includes('2.0'))).toEqual([]);
});

test('a commit that changes another object leaves what drifted; one that changes its declaration applies it', async () => {
  const { target } = world;
  const other = await world.push({
    'apps/kept.yaml': withMode(configMap(target, 'kept', { colour: 'grey' }), 'correct'),
  });
  await world.applied('apps', other);
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'blue', size: 'xl' });
  expect(await world.get(map('spare'))).toBeNull();
  const own = await world.push({
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'black', size: 'm' }),
    'apps/spare.yaml': configMap(target, 'spare', { colour: 'black' }),
  });
  await world.applied('apps', own);
  expect(data(await world.get(map('settings')))).toEqual({ colour: 'black', size: 'm' });
  expect(data(await world.get(map('spare')))).toEqual({ colour: 'black' });
  await namesDrifted();
  const message = await world.event(world.unitKey('apps'), 'Progressing', (text) =>
    text.includes('settings configured'),
  );
  expect(message).toContain('spare created');
});

test('from warn to correct all of it is put right at once, and told', async () => {
  const generation = (await world.get(world.unitKey('apps')))?.metadata.generation;
  await world.edit(map('settings'), { data: { colour: 'red' } });
  await world.cluster.delete(map('spare'));
  await namesDrifted(`ConfigMap/${world.target}/settings`, `ConfigMap/${world.target}/spare`);
  await mode('correct');
  await world.until(map('settings'), 'be black again', (object) => data(object)?.['colour'] === 'black');
  await world.until(map('spare'), 'be there again', (object) => data(object)?.['colour'] === 'black');
  await world.event(world.unitKey('apps'), 'DriftCorrected', (text) =>
    text.endsWith('settings: kubectl-edit changed data.colour'),
  );
  await world.event(world.unitKey('apps'), 'DriftCorrected', (text) =>
    text.endsWith('spare was deleted and is created again'),
  );
  await namesDrifted();
  expect((await world.get(world.unitKey('apps')))?.metadata.generation).toBe(generation);
});

test('ignore: nothing is told, and from ignore to warn it is', async () => {
  await mode('Ignore');
  await answered();
  const before = await told('DriftDetected');
  await world.edit(map('settings'), { data: { colour: 'white' } });
  await answered();
  expect(data(await world.get(map('settings')))?.['colour']).toBe('white');
  expect(await told('DriftDetected')).toEqual(before);
  expect(condition(await world.get(world.unitKey('apps')), 'Drifted')).toBeUndefined();
  await mode('warn');
  await detected((text) => text.includes('is "white"'));
  await namesDrifted(`ConfigMap/${world.target}/settings`);
});

test('said on a live object it holds for that one', async () => {
  await mode(null);
  await world.until(map('settings'), 'be black again', (object) => data(object)?.['colour'] === 'black');
  const annotations = { [DRIFT_ANNOTATION]: 'ignore' };
  await world.edit(map('settings'), { metadata: { annotations }, data: { colour: 'pink' } });
  await answered();
  expect(data(await world.get(map('settings')))?.['colour']).toBe('pink');
  await world.edit(map('settings'), { metadata: { annotations: { [DRIFT_ANNOTATION]: null } } });
  await world.until(map('settings'), 'be black again', (object) => data(object)?.['colour'] === 'black');
});

test('a value nobody knows is told once, and means correct', async () => {
  await mode('warning');
  const message = await world.event(world.unitKey('apps'), 'UnknownDriftMode');
  expect(message).toContain(`Kustomization/${world.namespace}/apps: ${DRIFT_ANNOTATION} is "warning"`);
  const named = withMode(configMap(world.target, 'odd', { colour: 'green' }), 'never');
  await world.applied('apps', await world.push({ 'apps/odd.yaml': named }));
  await world.event(world.unitKey('apps'), 'UnknownDriftMode', (text) => text.includes('/odd: '));
  await world.edit(map('odd'), { data: { colour: 'red' } });
  await world.until(map('odd'), 'be green again', (object) => data(object)?.['colour'] === 'green');
  await answered();
  expect(await told('UnknownDriftMode')).toHaveLength(2);
  expect(await world.problems()).toEqual([]);
});
