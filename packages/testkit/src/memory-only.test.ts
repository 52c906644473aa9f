import { keyOf, systemError } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { beforeEach, describe, expect, test } from 'vitest';

import { FakeClock } from './clock.ts';
import { CONFIG_MAP, failureOf, NAMESPACE, readEvents, short } from './contract/fixtures.ts';
import { MemoryCluster } from '@plumb/memory-cluster';

const SENT: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default' },
  data: { a: '1' },
};

let clock: FakeClock;
let cluster: MemoryCluster;
let signal: AbortSignal;

beforeEach(() => {
  clock = new FakeClock(Date.UTC(2026, 0, 1));
  cluster = new MemoryCluster({ clock });
  signal = AbortSignal.timeout(5_000);
});

describe('watches on order', () => {
  const now = async (): Promise<string> => (await cluster.list(CONFIG_MAP)).resourceVersion;

  test('a version from before a compaction is expired', async () => {
    const resourceVersion = await now();
    await cluster.create(SENT);
    cluster.compact();
    expect(await readEvents(cluster.watch(CONFIG_MAP, { resourceVersion, signal }), 1)).toEqual([{ type: 'expired' }]);
  });

  test('a history that is full forgets its older half', async () => {
    const small = new MemoryCluster({ historyLimit: 10 });
    const { resourceVersion } = await small.list(CONFIG_MAP);
    await small.create(SENT);
    for (let i = 0; i < 20; i += 1) await small.patch(keyOf(SENT), { data: { a: String(i) } }, { type: 'merge' });
    expect(short(await readEvents(small.watch(CONFIG_MAP, { resourceVersion, signal }), 1))).toEqual(['expired']);
  });

  test('a bookmark tells where the server stands', async () => {
    const events = cluster.watch(CONFIG_MAP, { resourceVersion: await now(), signal })[Symbol.asyncIterator]();
    const next = events.next();
    await clock.advance(0);
    await cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' } });
    cluster.bookmark();
    expect((await next).value).toEqual({ type: 'bookmark', resourceVersion: await now() });
    await events.return?.(undefined);
  });

  test.each([
    { how: 'quietly', error: null, ends: [] },
    { how: 'with an error', error: systemError('api-unavailable', 'connection lost'), ends: 'connection lost' },
  ])('a watch can be cut $how', async ({ error, ends }) => {
    const watched = readEvents(cluster.watch(CONFIG_MAP, { resourceVersion: await now(), signal }), 1);
    await clock.advance(0);
    cluster.cutWatches(error);
    expect(await watched.catch((thrown: Error) => thrown.message)).toEqual(ends);
  });

  test('version 0 starts with what is there', async () => {
    await cluster.create(SENT);
    expect(short(await readEvents(cluster.watch(CONFIG_MAP, { resourceVersion: '0', signal }), 1))).toEqual([
      'added a',
    ]);
  });
});

describe('faults', () => {
  const refusal = systemError('api-unavailable', 'too many requests');

  test('fail the next requests that match, then no more', async () => {
    cluster.faults.fail(refusal, 2, ({ verb, name }) => verb === 'create' && name === 'a');
    await cluster.list(CONFIG_MAP);
    expect(await failureOf(cluster.create(SENT))).toBe(refusal);
    expect(await failureOf(cluster.create(SENT))).toBe(refusal);
    expect(await cluster.create(SENT)).toMatchObject({ data: { a: '1' } });
  });

  test('hold a request for as long as they please', async () => {
    cluster.faults.add({ before: () => new Promise((resolve) => clock.after(50, resolve)) });
    let done = false;
    const created = cluster.create(SENT).then(() => {
      done = true;
    });
    await clock.advance(49);
    expect(done).toBe(false);
    await clock.advance(1);
    await created;
  });

  test('lose the answer of what was carried out', async () => {
    cluster.faults.add({
      after: () => {
        throw systemError('api-unavailable', 'connection lost');
      },
    });
    expect(await failureOf(cluster.create(SENT))).toMatchObject({ message: 'connection lost' });
    expect(await cluster.get(keyOf(SENT))).not.toBeNull();
  });

  test('can be taken away before they are spent', async () => {
    const remove = cluster.faults.fail(refusal, 5);
    expect(await failureOf(cluster.create(SENT))).toBe(refusal);
    remove();
    expect(await cluster.create(SENT)).toMatchObject({ data: { a: '1' } });
  });
});

test('requests are told with who sent them', async () => {
  await cluster.as('system:serviceaccount:shop:deployer').create(SENT);
  await cluster.patch(keyOf(SENT), {}, { type: 'merge', dryRun: true });
  expect(cluster.requests).toEqual([
    {
      verb: 'create',
      kind: 'ConfigMap',
      namespace: 'default',
      name: 'a',
      subresource: '',
      dryRun: false,
      user: 'system:serviceaccount:shop:deployer',
    },
    { verb: 'patch', kind: 'ConfigMap', namespace: 'default', name: 'a', subresource: '', dryRun: true, user: '' },
  ]);
  cluster.clearRequests();
  expect(cluster.requests).toEqual([]);
});

test('timestamps come from the clock that was given', async () => {
  await clock.advance(1_500);
  expect((await cluster.create(SENT)).metadata.creationTimestamp).toBe('2026-01-01T00:00:01Z');
});

test('what a caller does to its objects stays with the caller', async () => {
  const sent = structuredClone(SENT);
  const created = await cluster.create(sent);
  (sent['data'] as Record<string, string>)['a'] = 'changed';
  (created['data'] as Record<string, string>)['a'] = 'changed';
  expect((await cluster.get(keyOf(SENT)))?.['data']).toEqual({ a: '1' });
});

test('a namespace that is ending takes nothing new, and waits for what is held', async () => {
  const key = { ...NAMESPACE, namespace: '', name: 'shop' };
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const held = { ...SENT, metadata: { name: 'held', namespace: 'shop', finalizers: ['example.com/hold'] } };
  await cluster.create(held);
  await cluster.delete(key);
  await clock.advance(0);
  expect(await cluster.get(key)).toMatchObject({ status: { phase: 'Terminating' } });
  const late = { ...SENT, metadata: { name: 'late', namespace: 'shop' } };
  expect(await failureOf(cluster.create(late))).toMatchObject({
    code: 'api-forbidden',
    message:
      'configmaps "late" is forbidden: unable to create new content in namespace shop because it is being terminated',
  });
  await cluster.patch(keyOf(held), { metadata: { finalizers: null } }, { type: 'merge' });
  await clock.advance(0);
  expect(await cluster.get(key)).toBeNull();
});

test('a definition that goes takes its objects along', async () => {
  const definition: KubeObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { kind: 'Thing', plural: 'things' },
      versions: ['v1beta1', 'v1'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        schema: { openAPIV3Schema: { type: 'object' } },
      })),
    },
  };
  const created = await cluster.apply(definition, { fieldManager: 'a' });
  expect(created).toMatchObject({
    status: {
      conditions: [{ type: 'NamesAccepted' }, { type: 'Established', status: 'True' }],
      storedVersions: ['v1'],
    },
  });
  await cluster.create({ apiVersion: 'example.com/v1beta1', kind: 'Thing', metadata: { name: 'x' } });
  const thing = { group: 'example.com', version: 'v1', kind: 'Thing', namespace: '', name: 'x' };
  expect(await cluster.get(thing)).toMatchObject({
    apiVersion: 'example.com/v1',
    metadata: { name: 'x', generation: 1 },
  });
  await cluster.delete(keyOf(definition));
  await clock.advance(0);
  expect(await cluster.resource(thing)).toBeNull();
  await cluster.apply(definition, { fieldManager: 'a' });
  expect(await cluster.get(thing)).toBeNull();
});

test('a server that went away answers nobody until it is back, and both are told', async () => {
  const told: (string | null)[] = [];
  const end = cluster.connection.listen((away) => told.push(away?.error ?? null));
  cluster.become('connection refused');
  expect(await failureOf(cluster.get(keyOf(SENT)))).toMatchObject({ code: 'api-unavailable' });
  await clock.advance(5_000);
  expect(cluster.connection.awayFor()).toBe(5_000);
  const back = cluster.as('tenant').connection.back();
  await expect(cluster.connection.back(AbortSignal.abort())).rejects.toThrow('aborted');
  cluster.become(null);
  await back;
  end();
  expect(told).toEqual(['connection refused', null]);
  expect(await cluster.get(keyOf(SENT))).toBeNull();
});
