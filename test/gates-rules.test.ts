import { afterAll, beforeAll, expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeOf, clusterPolicy, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap, deployment } from './support/manifests.ts';
import { condition, configMapKey, namespaceKey, World } from './support/world.ts';

let world: World;
let dir: string;
let alice: Person;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  await world.gitRepository();
});

afterAll(async () => {
  await alice.cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const remove = (name: string): Promise<boolean> =>
  world.cluster.delete({
    group: 'plumb.dev',
    version: 'v1',
    kind: 'ReleasePolicy',
    namespace: world.namespace,
    name,
  });

/** Waits until a unit is held with these words. */
async function isHeld(unit: string, words: string | RegExp): Promise<void> {
  await world.until(world.unitKey(unit), `be held: ${String(words)}`, (object) => {
    const ready = condition(object, 'Ready');
    if (ready?.reason !== 'Gated') return false;
    return typeof words === 'string' ? ready.message === words : words.test(ready.message);
  });
}

test('a check over each object refuses a change, says of which object and why, and lets the next one pass', async () => {
  await policy(world, 'replicas', {
    select: { names: ['web'] },
    checks: [
      {
        name: 'few-replicas',
        expression: "object.kind != 'Deployment' || object.spec.replicas <= 3",
        messageExpression: "'asks for ' + string(object.spec.replicas) + ' replicas, 3 at most'",
      },
      {
        name: 'grows-slowly',
        expression:
          'oldObject == null || object.kind != "Deployment" || object.spec.replicas <= oldObject.spec.replicas + 1',
        message: 'grows by more than one',
      },
    ],
  });
  await world.push({ 'web/web.yaml': deployment(world.target, 'web', { replicas: 5 }) });
  await world.kustomization('web', { retryInterval: '1h' });
  const id = `ReleasePolicy/${world.namespace}/replicas`;
  const place = `Deployment/${world.target}/web`;
  await isHeld('web', `refused by checks/few-replicas in ${id}: ${place}: asks for 5 replicas, 3 at most`);
  const first = await world.push({ 'web/web.yaml': deployment(world.target, 'web', { replicas: 1 }) });
  await world.applied('web', first);
  await world.push({ 'web/web.yaml': deployment(world.target, 'web', { replicas: 3 }) });
  await isHeld('web', `refused by checks/grows-slowly in ${id}: ${place}: grows by more than one`);
  const second = await world.push({ 'web/web.yaml': deployment(world.target, 'web', { replicas: 2 }) });
  await world.applied('web', second);
});

test('a check over the whole change sees what is made, changed and deleted', async () => {
  await policy(world, 'small', {
    select: { names: ['many'] },
    checks: [
      {
        name: 'few',
        over: 'Change',
        expression: 'change.counts.create < 3 && change.objects.size() < 3',
        message: 'too many',
      },
    ],
  });
  const names = ['a', 'b', 'c'];
  const files = names.map((name) => [`many/${name}.yaml`, configMap(world.target, name, { a: '1' })] as const);
  await world.push(Object.fromEntries(files));
  await world.kustomization('many', { retryInterval: '1h' });
  await isHeld('many', `refused by checks/few in ReleasePolicy/${world.namespace}/small: too many`);
  const revision = await world.push({ 'many/c.yaml': null });
  await world.applied('many', revision);
});

test('an expression that fails holds: nobody knows what it would have said', async () => {
  await policy(world, 'broken', {
    select: { names: ['odd'] },
    checks: [{ name: 'odd', expression: 'object.spec.none == 1' }],
  });
  await world.push({ 'odd/a.yaml': configMap(world.target, 'odd', { a: '1' }) });
  await world.kustomization('odd', { retryInterval: '1h' });
  await isHeld(
    'odd',
    /^waits for checks\/odd in ReleasePolicy\/\S+\/broken, which could not be evaluated: .*no such key/,
  );
  await remove('broken');
  const change = await changeOf(world, 'odd', 'be held');
  expect(await world.get(configMapKey(world.target, 'odd'))).toBeNull();
  await alice.says('Approve', change);
  await world.conditionIs(world.unitKey('odd'), 'Ready', 'True');
});

test('forbidden text is told by place, not by what it is', async () => {
  await policy(world, 'no-keys', {
    select: { names: ['keys'] },
    forbid: [{ name: 'aws-key', pattern: 'AKIA[0-9A-Z]{16}', message: 'holds an access key' }],
  });
  await world.push({ 'keys/a.yaml': configMap(world.target, 'keys', { a: 'AKIAABCDEFGHIJKLMNOP' }) });
  await world.kustomization('keys', { retryInterval: '1h' });
  const place = `ConfigMap/${world.target}/keys from keys/a.yaml, in line 10 of the object`;
  await isHeld(
    'keys',
    `refused by forbid/aws-key in ReleasePolicy/${world.namespace}/no-keys: ${place}: holds an access key`,
  );
  expect(await world.get(configMapKey(world.target, 'keys'))).toBeNull();
});

test('images have to be of the registries allowed, and by digest', async () => {
  await policy(world, 'images', {
    select: { names: ['images'] },
    images: { registries: ['registry.example/shop'], digests: true },
  });
  await world.push({
    'images/web.yaml': deployment(world.target, 'images', { image: 'registry.example/shop/web:1.0' }),
  });
  await world.kustomization('images', { retryInterval: '1h' });
  const start = `refused by images in ReleasePolicy/${world.namespace}/images: Deployment/${world.target}/images: `;
  await isHeld('images', `${start}image registry.example/shop/web:1.0 is not named by digest`);
  const digest = `@sha256:${'0'.repeat(64)}`;
  await world.push({ 'images/web.yaml': deployment(world.target, 'images', { image: `other.example/web${digest}` }) });
  await isHeld('images', `${start}image other.example/web${digest} is not of registry.example/shop`);
  const image = `registry.example/shop/web${digest}`;
  const revision = await world.push({ 'images/web.yaml': deployment(world.target, 'images', { image }) });
  await world.applied('images', revision);
});

test('a policy that only warns lets pass', async () => {
  await policy(world, 'warns', {
    select: { names: ['warned'] },
    checks: [{ name: 'never', expression: 'false', action: 'Warn' }],
  });
  const revision = await world.push({ 'warned/a.yaml': configMap(world.target, 'warned', { a: '1' }) });
  await world.kustomization('warned', { retryInterval: '1h' });
  await world.applied('warned', revision);
  await world.event(world.unitKey('warned'), 'PolicyWarning', (message) => message.includes('checks/never'));
});

test('a policy with a mistake holds what it selects, and says what is wrong', async () => {
  await policy(world, 'wrong', {
    select: { names: ['wrong'] },
    windows: [{ type: 'Allow', timeZone: 'Mars/Olympus', cron: '0 12 * * *', duration: '1h' }],
  });
  await world.push({ 'wrong/a.yaml': configMap(world.target, 'wrong', { a: '1' }) });
  await world.kustomization('wrong', { retryInterval: '1h' });
  await isHeld(
    'wrong',
    /^waits for a fix of ReleasePolicy\/\S+\/wrong, which is invalid: windows\[0\]: .*Mars\/Olympus/,
  );
  expect(await world.get(configMapKey(world.target, 'wrong'))).toBeNull();
  await policy(world, 'wrong', { select: { names: ['wrong'] } });
  await world.conditionIs(world.unitKey('wrong'), 'Ready', 'True');
});

test('a namespace is not deleted without an approval, policy or not', async () => {
  const doomed = `${world.target}-doomed`;
  const manifest = `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${doomed}\n`;
  const first = await world.push({
    'doom/ns.yaml': manifest,
    'doom/a.yaml': configMap(world.target, 'doom', { a: '1' }),
  });
  await world.kustomization('doom', { retryInterval: '1h' });
  await world.applied('doom', first);
  const second = await world.push({ 'doom/ns.yaml': null });
  await isHeld('doom', `waits for an approval by anybody of the deletion of Namespace/${doomed}`);
  expect(await world.get(namespaceKey(doomed))).toMatchObject({ metadata: { name: doomed } });
  const change = await changeOf(world, 'doom', 'wait', ({ spec }) => spec.revision === second);
  expect(change).toMatchObject({ spec: { cause: 'prune' }, status: { counts: { delete: 1 } } });
  await alice.says('Approve', change);
  await world.applied('doom', second);
});

test('what is protected is not deleted to be made anew either, until that is approved', async () => {
  await policy(world, 'frozen', { select: { names: ['ice'] }, limits: { protected: [{ kind: 'ConfigMap' }] } });
  const frozen = (value: string): string => `${configMap(world.target, 'ice', { a: value })}immutable: true\n`;
  const first = await world.push({ 'ice/a.yaml': frozen('1') });
  await world.kustomization('ice', { retryInterval: '1h', force: true });
  await world.applied('ice', first);
  const before = await world.get(configMapKey(world.target, 'ice'));
  const second = await world.push({ 'ice/a.yaml': frozen('2') });
  await isHeld('ice', `waits for an approval by anybody of the deletion of ConfigMap/${world.target}/ice`);
  expect((await world.get(configMapKey(world.target, 'ice')))?.metadata.uid).toBe(before?.metadata.uid);
  const change = await changeOf(world, 'ice', 'wait', ({ spec }) => spec.revision === second);
  await alice.says('Approve', change);
  await world.applied('ice', second);
  expect(await world.get(configMapKey(world.target, 'ice'))).toMatchObject({ data: { a: '2' } });
  await changeOf(world, 'ice', 'be applied', (one) => one.spec.revision === second && one.status?.phase === 'Applied');
});

test('nor is what somebody put in its place, which no repair asks leave for', async () => {
  const key = configMapKey(world.target, 'ice');
  const labels = (await world.get(key))?.metadata.labels ?? {};
  await world.edit(world.unitKey('ice'), { spec: { suspend: true } });
  await world.cluster.delete(key);
  const metadata = { namespace: world.target, name: 'ice', labels };
  const byHand = { apiVersion: 'v1', kind: 'ConfigMap', metadata, immutable: true, data: { a: 'by hand' } };
  const { uid } = (await world.cluster.create(byHand)).metadata;
  await world.edit(world.unitKey('ice'), { spec: { suspend: false } });
  await world.until(world.unitKey('ice'), 'say so', (object) =>
    (condition(object, 'Ready')?.message ?? '').includes('which needs an approval that no repair asks for'),
  );
  await world.request(world.unitKey('ice'));
  await world.edit(key, { metadata: { annotations: { note: 'mine' } } });
  await world.until(key, 'be as it was made by hand', (object) => object?.metadata.uid === uid);
  await world.cluster.delete(key);
  await world.request(world.unitKey('ice'));
  await world.conditionIs(world.unitKey('ice'), 'Ready', 'True');
  expect(await world.get(key)).toMatchObject({ data: { a: '2' } });
});

test('the deletion of a unit is held by the same limits, and goes on once it is approved', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `ten-${index}`);
  const files = names.map((name) => [`ten/${name}.yaml`, configMap(world.target, name, { a: '1' })] as const);
  const revision = await world.push(Object.fromEntries(files));
  await world.kustomization('ten', { retryInterval: '1h' });
  await world.applied('ten', revision);
  await world.cluster.delete(world.unitKey('ten'));
  const change = await changeOf(world, 'ten', 'wait', (one) => one.spec.cause === 'prune' && inPhase('Pending')(one));
  expect(change.status?.message).toBe(
    'waits for an approval by anybody of the deletion of 10 of 10 objects, where 50 percent may go',
  );
  expect(await world.get(configMapKey(world.target, 'ten-3'))).not.toBeNull();
  await alice.says('Approve', change);
  await world.until(world.unitKey('ten'), 'be gone', (object) => object === null);
  expect(await world.get(configMapKey(world.target, 'ten-3'))).toBeNull();
});

test('a policy of the cluster takes the default limits away', async () => {
  const release = await clusterPolicy(world, 'free', { select: { names: ['free'] }, limits: { defaults: 'Off' } });
  const names = Array.from({ length: 10 }, (_, index) => `free-${index}`);
  const files = names.map((name) => [`free/${name}.yaml`, configMap(world.target, name, { a: '1' })] as const);
  await world.push(Object.fromEntries(files));
  await world.kustomization('free', { retryInterval: '1h' });
  await world.conditionIs(world.unitKey('free'), 'Ready', 'True');
  await world.cluster.delete(world.unitKey('free'));
  await world.until(world.unitKey('free'), 'be gone', (object) => object === null);
  await release();
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
