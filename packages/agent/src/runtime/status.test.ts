import type { JsonObject, KubeObject } from '@plumb/api';
import { crds, KUSTOMIZATION, systemError, userError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { clusterWith, FakeClock, MemoryCluster, withSilentWatch } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FluxObjects } from './flux-objects.ts';
import { Limit } from './limit.ts';
import { StatusWriter } from './status-writer.ts';

const ID = 'shop/apps';
const KEY = { ...KUSTOMIZATION, namespace: 'shop', name: 'apps' };

let cluster: MemoryCluster;
let clock: FakeClock;
let objects: FluxObjects;
let writer: StatusWriter;
let stop: AbortController;

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  stop = new AbortController();
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test' });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.create(unit());
  await start(cluster);
});

/** @param seen what the objects are watched through @param through what they are written through */
async function start(seen: Cluster, through: Cluster = cluster, signal = stop.signal): Promise<void> {
  objects = new FluxObjects(seen, KUSTOMIZATION, { signal: stop.signal });
  writer = new StatusWriter({
    cluster: () => through,
    objects,
    kind: KUSTOMIZATION,
    fieldManager: 'test',
    clock,
    limit: new Limit(8),
    signal,
  });
  await objects.ready();
  cluster.clearRequests();
}

afterEach(async () => {
  stop.abort();
  await objects.done();
});

function unit(): KubeObject {
  const spec = { interval: '1m', path: './', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } };
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'shop' },
    spec,
  };
}

const served = async (): Promise<JsonObject> => ((await cluster.get(KEY))?.['status'] ?? {}) as JsonObject;
const patches = (): number => cluster.requests.filter(({ verb }) => verb === 'patch').length;
const status = (revision: string): JsonObject => ({ observedGeneration: 1, lastAppliedRevision: revision });

test('a status is written, and what is at the server already is not written again', async () => {
  await writer.write(ID, status('a'));
  expect(await served()).toEqual(status('a'));
  await writer.write(ID, status('a'));
  expect(patches()).toBe(1);
});

test('a field that is no longer there is taken away', async () => {
  await writer.write(ID, { ...status('a'), lastHandledReconcileAt: 'now' });
  await writer.write(ID, status('a'));
  expect(await served()).toEqual(status('a'));
});

test('a status that was replaced before it was sent is never sent, and all who wrote are told at the end', async () => {
  await Promise.all(['a', 'b', 'c', 'd'].map((revision) => writer.write(ID, status(revision))));
  expect(await served()).toEqual(status('d'));
  expect(patches()).toBe(2);
});

test('whoever reads between write and watch sees what was written', async () => {
  const writing = writer.write(ID, status('a'));
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
  await writing;
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
});

test('while the watch is silent the last write stands, whatever is written or refused after it', async () => {
  await start(withSilentWatch(cluster));
  await writer.write(ID, status('a'));
  await writer.write(ID, status('a'));
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
  cluster.faults.fail(userError('api-invalid', 'no'), 1, ({ verb }) => verb === 'patch');
  await expect(writer.write(ID, status('b'))).rejects.toThrow('no');
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
  writer.drop(ID);
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
  expect(patches()).toBe(2);
});

test('it keeps trying while the API server is away, ever more slowly, and not before it may', async () => {
  const away = { fault: 'system', policy: 'retry' } as const;
  const isPatch = ({ verb }: { verb: string }): boolean => verb === 'patch';
  cluster.faults.fail(systemError('api-unavailable', 'away', away), 2, isPatch);
  const writing = writer.write(ID, status('a'));
  await clock.advance(249);
  expect(patches()).toBe(1);
  await clock.advance(1);
  expect(patches()).toBe(2);
  await clock.advance(499);
  expect(patches()).toBe(2);
  await clock.advance(1);
  await writing;
  expect(await served()).toEqual(status('a'));
});

test('an object that is gone needs no status, and who waits for it learns that', async () => {
  await expect(writer.write(ID, status('a'))).resolves.toBe(true);
  await cluster.delete(KEY);
  await expect(writer.write(ID, status('b'))).resolves.toBe(false);
  expect(await cluster.get(KEY)).toBeNull();
});

test('what another has written meanwhile is read once, and stays where the status does not change it', async () => {
  await start(withSilentWatch(cluster));
  await writer.write(ID, status('a'));
  const another = { lastAppliedRevision: 'b', lastAttemptedRevision: 'b' };
  await cluster.patch(KEY, { status: another }, { type: 'merge', subresource: 'status' });
  cluster.clearRequests();
  const writing = writer.write(ID, status('c'));
  await vi.waitUntil(() => patches() === 1, 10_000);
  await clock.advance(250);
  await expect(writing).resolves.toBe(true);
  expect(await served()).toEqual({ ...status('c'), lastAttemptedRevision: 'b' });
  expect(objects.get(ID)?.['status']).toEqual(await served());
  expect(cluster.requests.map(({ verb }) => verb)).toEqual(['patch', 'patch', 'get', 'patch', 'get', 'get']);
});

test('where the watch shows in time what another has written, nothing is read', async () => {
  await writer.write(ID, status('a'));
  const refused = systemError('api-conflict', 'another was first', { fault: 'system', policy: 'retry' });
  cluster.faults.fail(refused, 1, ({ verb }) => verb === 'patch');
  cluster.clearRequests();
  const writing = writer.write(ID, status('b'));
  await vi.waitUntil(() => patches() === 1, 10_000);
  await cluster.patch(KEY, { metadata: { labels: { by: 'another' } } }, { type: 'merge' });
  await clock.advance(250);
  await expect(writing).resolves.toBe(true);
  expect(cluster.requests.map(({ verb }) => verb)).toEqual(['patch', 'patch', 'patch']);
});

test('while what another has written cannot be read, nothing is written over it', async () => {
  await start(withSilentWatch(cluster));
  await cluster.patch(KEY, { metadata: { labels: { by: 'another' } } }, { type: 'merge' });
  const away = systemError('api-unavailable', 'away', { fault: 'system', policy: 'retry' });
  cluster.faults.fail(away, 1, ({ verb }) => verb === 'get');
  const writing = writer.write(ID, status('a'));
  await vi.waitUntil(() => patches() === 2, 10_000);
  await clock.advance(250);
  await vi.waitUntil(() => patches() === 3, 10_000);
  await clock.advance(499);
  expect(patches()).toBe(3);
  await clock.advance(1);
  await expect(writing).resolves.toBe(true);
  expect(await served()).toEqual(status('a'));
});

test('I13: a status that comes to the server after another replica has written changes nothing', async () => {
  const [sent, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = clusterWith(cluster, {
    withPriority: () => slow,
    patch: async (...args) => {
      sent.resolve();
      await held.promise;
      return cluster.patch(...args);
    },
  });
  await start(cluster, slow);
  const writing = writer.write(ID, status('a'));
  await sent.promise;
  writer.drop(ID);
  await cluster.patch(KEY, { status: status('b') }, { type: 'merge', subresource: 'status' });
  held.resolve();
  await expect(writing).resolves.toBe(false);
  expect(await served()).toEqual(status('b'));
});

test('I4: what was to be written before the server went back is not written over what stands again', async () => {
  await cluster.patch(KEY, { status: status('restored') }, { type: 'merge', subresource: 'status' });
  await start(cluster);
  const object = objects.get(ID) as KubeObject;
  const lost = { ...object, metadata: { ...object.metadata, resourceVersion: '999999' }, status: status('lost') };
  objects.note(lost);
  const rewound = new Promise<void>((resolve) => objects.listenRewound(resolve));
  const writing = writer.write(ID, status('next'));
  await vi.waitUntil(() => patches() === 1, 10_000);
  await clock.advance(250);
  await rewound;
  expect(objects.get(ID)?.['status']).toEqual(status('restored'));
  await clock.advance(60_000);
  await expect(writing).resolves.toBe(false);
  expect(await served()).toEqual(status('restored'));
  await expect(writer.write(ID, status('anew'))).resolves.toBe(true);
  expect(await served()).toEqual(status('anew'));
});

test('what was to be written of an object that is gone is not written to the one made anew', async () => {
  const away = systemError('api-unavailable', 'away', { fault: 'system', policy: 'retry' });
  cluster.faults.fail(away, 1, ({ verb }) => verb === 'patch');
  const before = objects.get(ID)?.metadata.uid;
  const writing = writer.write(ID, status('old'));
  await cluster.delete(KEY);
  await cluster.create(unit());
  await vi.waitUntil(() => ![before, undefined].includes(objects.get(ID)?.metadata.uid), 10_000);
  await clock.advance(60_000);
  await expect(writing).resolves.toBe(false);
  expect(await served()).not.toMatchObject({ lastAppliedRevision: 'old' });
});

test('a status that is overtaken while it waits to be sent again is never sent', async () => {
  const away = systemError('api-unavailable', 'away', { fault: 'system', policy: 'retry' });
  cluster.faults.fail(away, 1, ({ verb }) => verb === 'patch');
  const writing = writer.write(ID, status('a'));
  await vi.waitUntil(() => patches() === 1, 10_000);
  void writer.write(ID, status('b'));
  await clock.advance(250);
  await expect(writing).resolves.toBe(true);
  expect(await served()).toEqual(status('b'));
  expect(patches()).toBe(2);
});

test('the last status of an agent that stops is written, though another has written and nothing is watched any more', async () => {
  const writes = new AbortController();
  await start(withSilentWatch(cluster), cluster, writes.signal);
  stop.abort();
  await cluster.patch(KEY, { metadata: { labels: { by: 'another' } } }, { type: 'merge' });
  const writing = writer.write(ID, status('last'));
  await vi.waitUntil(() => patches() === 2, 10_000);
  await clock.advance(250);
  await expect(writing).resolves.toBe(true);
  expect(await served()).toEqual(status('last'));
});

test('flush waits for what is under way', async () => {
  void writer.write(ID, status('a'));
  await writer.flush();
  expect(await served()).toEqual(status('a'));
});

test("an object of the same name that was made anew has nothing of the old one's status", async () => {
  await writer.write(ID, status('a'));
  const before = objects.get(ID)?.metadata.uid;
  const anew = new Promise<void>((resolve) => {
    objects.listen((_id, object) => {
      if (object !== undefined && object.metadata.uid !== before) resolve();
    });
  });
  await cluster.delete(KEY);
  await cluster.create(unit());
  await anew;
  expect(objects.get(ID)?.['status']).not.toMatchObject({ lastAppliedRevision: 'a' });
});

test('listeners are told of nothing until the list is whole, and then of all of it', async () => {
  const heard: string[] = [];
  const held = new FluxObjects(cluster, KUSTOMIZATION, { signal: stop.signal });
  held.hold();
  held.listen((id) => heard.push(id));
  await held.ready();
  expect(heard).toEqual([]);
  held.release();
  expect(heard).toEqual([ID]);
});

test('a status the API server refuses is told, and nobody goes on as if it stood', async () => {
  await writer.write(ID, status('a'));
  const refused = userError('api-invalid', 'status.conditions: too long');
  cluster.faults.fail(refused, 1, ({ verb }) => verb === 'patch');
  await expect(writer.write(ID, status('b'))).rejects.toBe(refused);
  expect(objects.get(ID)?.['status']).toEqual(status('a'));
  await writer.write(ID, status('b'));
  expect(await served()).toEqual(status('b'));
});
