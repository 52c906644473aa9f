import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { OWNER_NAME_LABEL } from '@plumb/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace, secret } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const COUNT = 60;
const CANARY = 'canary-7be01d';

let world: World;
let dir: string;
const requests = new Requests();
const start = (maker = 'this build'): Promise<unknown> =>
  world.startAgent({ connect: { counter: requests }, records: { dir, maker } });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  world = await World.start({ agent: false });
  const { target } = world;
  const maps = Array.from({ length: COUNT }, (_, index) => [
    `apps/map-${index}.yaml`,
    configMap(target, `map-${index}`, { index: `value-${index}` }),
  ]);
  await start();
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/cart.yaml': deployment(target, 'cart', { replicas: 1 }),
    'apps/token.yaml': secret(target, 'token', { key: CANARY }),
    ...Object.fromEntries(maps),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
  await world.stopAgent();
});
afterEach(() => world.stopAgent());
afterAll(async () => {
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

/** Starts the agent and resolves when the unit has answered a request. @returns what it sent */
async function restarted(maker?: string): Promise<string[]> {
  const token = await world.request(world.unitKey('apps'));
  requests.take();
  await start(maker);
  await world.until(world.unitKey('apps'), 'answer', (unit) => statusOf(unit).lastHandledReconcileAt === token);
  return requests.take();
}

async function versions(): Promise<Map<string, string | undefined>> {
  const { items } = await world.cluster.list(configMapKey('', ''), {
    namespace: world.target,
    labelSelector: OWNER_NAME_LABEL,
  });
  return new Map(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

const writes = (sent: readonly string[]): string[] =>
  sent.filter((request) =>
    /^(apply|patch|create|delete|update) (?!kustomizations|gitrepositories|events)/.test(request),
  );
const reads = (sent: readonly string[]): string[] => sent.filter((request) => request.startsWith('get '));
const data = (object: KubeObject | null): Record<string, string> | undefined =>
  object?.['data'] as Record<string, string> | undefined;
const recordFile = async (): Promise<string> => {
  const names = await readdir(dir);
  expect(names).toHaveLength(1);
  return join(dir, names[0] ?? '');
};

test('a restart reads one list of each kind, no object by itself, and writes none', async () => {
  const before = await versions();
  const sent = await restarted();
  expect(writes(sent)).toEqual([]);
  expect(reads(sent)).toEqual([]);
  const lists = sent.filter((request) => request.startsWith('list ')).toSorted();
  expect(lists).toEqual([...new Set(lists)]);
  expect(await versions()).toEqual(before);
});

test('what it keeps holds no value, and is for nobody else to read', async () => {
  const file = await recordFile();
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain(CANARY);
  expect(text).not.toContain(Buffer.from(CANARY).toString('base64').slice(0, 12));
  expect((await stat(file)).mode & 0o077).toBe(0);
});

test('drift after a restart is put right from a bundle that is built again', async () => {
  await restarted();
  const key = configMapKey(world.target, 'map-1');
  await world.edit(key, { data: { index: 'changed' } });
  await world.until(key, 'be as declared', (object) => data(object)?.['index'] === 'value-1');
  const message = await world.event(world.unitKey('apps'), 'DriftCorrected', (text) => text.includes('/map-1:'));
  expect(message).toContain('kubectl-edit changed data.index');
});

test('what was changed and deleted while no agent ran is read and put right, and nothing else', async () => {
  const { target } = world;
  await world.edit(configMapKey(target, 'map-2'), { data: { index: 'changed' } });
  await world.cluster.delete(configMapKey(target, 'map-3'));
  const sent = await restarted();
  expect(data(await world.get(configMapKey(target, 'map-2')))?.['index']).toBe('value-2');
  expect(data(await world.get(configMapKey(target, 'map-3')))?.['index']).toBe('value-3');
  expect(reads(sent)).toEqual(['get configmaps']);
  expect(writes(sent).filter((request) => request !== 'apply configmaps')).toEqual([]);
  expect(writes(sent).length).toBeLessThanOrEqual(4);
});

test('a commit made meanwhile changes what it changes', async () => {
  const { target } = world;
  const commit = await world.repository.commit({ 'apps/map-4.yaml': configMap(target, 'map-4', { index: 'new' }) });
  const before = await versions();
  requests.take();
  await start();
  await world.requestSource();
  await world.applied('apps', `main@sha1:${commit}`);
  const after = await versions();
  const changed = [...after].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
  expect(changed).toEqual(['map-4']);
});

test.each([
  ['is lost', (file: string) => rm(file)],
  ['was cut short', async (file: string) => writeFile(file, (await readFile(file, 'utf8')).slice(0, 2_000))],
  ['is empty', (file: string) => writeFile(file, '')],
  [
    'is of another unit',
    async (file: string) => writeFile(file, (await readFile(file, 'utf8')).replace(/"uid":"[^"]*"/, '"uid":"other"')),
  ],
  [
    'is stale',
    async (file: string) =>
      writeFile(file, (await readFile(file, 'utf8')).replaceAll(/"[0-9a-f]{16}"/g, '"0000000000000000"')),
  ],
])('a record that %s costs reads and no write', async (_how, spoil) => {
  await spoil(await recordFile());
  const before = await versions();
  const sent = await restarted();
  expect(reads(sent).length).toBeGreaterThan(0);
  expect(reads(sent).length).toBeLessThan(COUNT);
  expect(writes(sent)).toEqual([]);
  expect(await versions()).toEqual(before);
  await world.stopAgent();
  expect(reads(await restarted())).toEqual([]);
});

test('a bundle that another program built is built again; what was applied is still known', async () => {
  const sent = await restarted('another build');
  expect([...reads(sent), ...writes(sent)]).toEqual([]);
});

test('the last revision that was applied is held to after a restart, though no commit since can be built', async () => {
  const { target } = world;
  await start();
  const good = statusOf(await world.get(world.unitKey('apps'))).lastAppliedRevision ?? '';
  for (const attempt of ['one', 'two', 'three', 'four']) {
    const revision = await world.push({ 'apps/broken.yaml': `${attempt}: [\n` });
    await world.until(world.unitKey('apps'), `fail at ${revision}`, (unit) => {
      return statusOf(unit).lastAttemptedRevision === revision && condition(unit, 'Ready')?.reason === 'BuildFailed';
    });
  }
  await world.stopAgent();
  await world.edit(configMapKey(target, 'map-5'), { data: { index: 'changed' } });
  await world.cluster.delete(configMapKey(target, 'map-6'));
  const before = await versions();
  requests.take();
  await start();
  for (const name of ['map-5', 'map-6'])
    await world.until(
      configMapKey(target, name),
      'be as it was applied',
      (map) => data(map)?.['index'] === `value-${name.slice(4)}`,
    );
  const after = await versions();
  const changed = [...after].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
  expect(changed.toSorted()).toEqual(['map-5', 'map-6']);
  await world.edit(configMapKey(target, 'map-7'), { data: { index: 'changed' } });
  await world.until(configMapKey(target, 'map-7'), 'be as it was applied', (map) => data(map)?.['index'] === 'value-7');
  const unit = await world.get(world.unitKey('apps'));
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'False', reason: 'BuildFailed' });
  expect(statusOf(unit).lastAppliedRevision).toBe(good);
  await world.applied('apps', await world.push({ 'apps/broken.yaml': null }));
});

test('stages of a commit that could be delivered are not taken back after a restart because a later one cannot be', async () => {
  const { target } = world;
  const labelled = namespace(target).replace('metadata:\n', 'metadata:\n  labels:\n    tier: gold\n');
  const revision = await world.push({
    'apps/namespace.yaml': labelled,
    'apps/wrong.yaml': configMap(target, 'Not_A_Name', { a: 'b' }),
  });
  const refused = async (): Promise<void> => {
    await world.until(world.unitKey('apps'), `fail at ${revision}`, (unit) => {
      return statusOf(unit).lastAttemptedRevision === revision && condition(unit, 'Ready')?.status === 'False';
    });
  };
  await start();
  await refused();
  await world.stopAgent();
  await world.edit(configMapKey(target, 'map-8'), { data: { index: 'changed' } });
  requests.take();
  await start();
  await world.until(configMapKey(target, 'map-8'), 'be as it was applied', (map) => data(map)?.['index'] === 'value-8');
  expect(requests.take().filter((request) => request.startsWith('apply namespaces'))).toEqual([]);
  await refused();
  const mended = { 'apps/wrong.yaml': null, 'apps/namespace.yaml': namespace(target) };
  await world.applied('apps', await world.push(mended));
});

test('the record of a unit that is gone goes, and so do its metrics', async () => {
  await world.cluster.patch(world.unitKey('apps'), { spec: { deletionPolicy: 'Orphan' } }, { type: 'merge' });
  await start();
  await world.cluster.delete(world.unitKey('apps'));
  await world.until(world.unitKey('apps'), 'be gone', (unit) => unit === null);
  const { metrics } = world.agent;
  const ofUnits = (): string[] => [...metrics.lines()].filter((line) => line.includes('kind="Kustomization"'));
  await expect.poll(ofUnits, { timeout: 30_000 }).toEqual([]);
  await world.stopAgent();
  expect(await readdir(dir)).toEqual([]);
  expect(await world.problems()).toEqual([]);
});
