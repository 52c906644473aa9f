import { OWNERSHIPS } from '@plumb/core';
import { keyId, keyOf, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, PlumbError, systemError } from '@plumb/api';
import type { KubeObject, ObjectKey } from '@plumb/api';
import type { Cluster, ResourceInfo } from '@plumb/kube';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LiveChange } from './live.ts';
import { LiveObjects } from './live.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const KEY: ObjectKey = { ...CONFIG_MAP, namespace: 'shop', name: 'settings' };
const away = systemError('api-unavailable', 'the server is away');
const isList = ({ verb }: { verb: string }): boolean => verb === 'list';

let cluster: MemoryCluster;
let live: LiveObjects;
let changes: LiveChange[];

const start = (over: Cluster = cluster, checkInterval?: number): LiveObjects =>
  new LiveObjects({
    cluster: over,
    ownership: OWNERSHIPS.Kustomization,
    onChange: (change) => changes.push(change),
    listWithin: 50,
    checkInterval,
  });

const map = (labels: Record<string, string> = { [OWNER_NAME_LABEL]: 'apps' }): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', labels },
});

beforeEach(async () => {
  cluster = new MemoryCluster();
  changes = [];
  live = start();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});
afterEach(() => live.close());

test('objects with an owner label are in view, others are not', async () => {
  await cluster.create(map());
  await cluster.create({ ...map({}), metadata: { name: 'other', namespace: 'shop' } });
  await live.watchKinds([CONFIG_MAP]);
  expect(live.size).toBe(1);
  expect(live.get(keyId(KEY))).toBeDefined();
});

test('the objects of one unit share its name in memory, after a change too', async () => {
  const labels = (name: string) => ({ [OWNER_NAME_LABEL]: name, [OWNER_NAMESPACE_LABEL]: 'shop' });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ ...KEY, name })) as [ObjectKey, ObjectKey, ObjectKey];
  for (const { name } of [a, b]) {
    await cluster.create({ ...map(), metadata: { name, namespace: 'shop', labels: labels('apps') } });
  }
  await cluster.create({ ...map(), metadata: { name: 'c', namespace: 'shop', labels: labels('other') } });
  await live.watchKinds([CONFIG_MAP]);
  const ownerOf = (key: ObjectKey) => live.get(keyId(key))?.owner;
  live.note(await cluster.patch(a, { data: { x: '1' } }, { type: 'merge' }));
  expect(ownerOf(a)).toBe(ownerOf(b));
  expect(ownerOf(a)).toEqual({ kind: 'Kustomization', namespace: 'shop', name: 'apps' });
  expect(ownerOf(c)?.name).toBe('other');
});

test('many units that need one kind share its list', async () => {
  await Promise.all([live.watchKinds([CONFIG_MAP]), live.watchKinds([CONFIG_MAP]), live.watchKinds([CONFIG_MAP])]);
  expect(cluster.requests.filter(isList)).toHaveLength(1);
});

test('an object that left is gone, and told', async () => {
  await cluster.create(map());
  await live.watchKinds([CONFIG_MAP]);
  await cluster.delete(KEY);
  expect(await live.until(() => live.get(keyId(KEY)) === undefined, 5_000, AbortSignal.timeout(5_000))).toBe(true);
  expect(changes.at(-1)).toMatchObject({ id: keyId(KEY), after: undefined });
});

test('what an apply answered is known before the watch tells of it, and an older event does not undo it', async () => {
  const first = await cluster.create(map());
  await live.watchKinds([CONFIG_MAP]);
  const second = await cluster.patch(KEY, { data: { a: '1' } }, { type: 'merge' });
  live.note(second);
  live.note(first);
  expect(live.get(keyId(KEY))?.resourceVersion).toBe(second.metadata.resourceVersion);
});

test('an answer that a deletion overtook does not bring the object back, and one about its successor does', async () => {
  const answer = await cluster.create(map());
  await live.watchKinds([CONFIG_MAP]);
  await cluster.delete(KEY);
  await live.until(() => live.get(keyId(KEY)) === undefined, 5_000, AbortSignal.timeout(5_000));
  live.note(answer);
  expect(live.get(keyId(KEY))).toBeUndefined();
  const next = await cluster.create(map());
  live.note(next);
  expect(live.get(keyId(KEY))?.uid).toBe(next.metadata.uid);
});

test('an answer that gives an object our label back is news, though the watch showed that it left', async () => {
  await cluster.create(map());
  await live.watchKinds([CONFIG_MAP]);
  await cluster.patch(KEY, { metadata: { labels: { [OWNER_NAME_LABEL]: null } } }, { type: 'merge' });
  await live.until(() => live.get(keyId(KEY)) === undefined, 5_000, AbortSignal.timeout(5_000));
  const back = await cluster.patch(KEY, { metadata: { labels: { [OWNER_NAME_LABEL]: 'apps' } } }, { type: 'merge' });
  live.note(back);
  expect(live.get(keyId(KEY))?.resourceVersion).toBe(back.metadata.resourceVersion);
});

test('what an answer showed and no watch will is forgotten as soon as a list tells', async () => {
  await live.close();
  live = start(cluster, 20);
  const first = await cluster.create(map({ [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' }));
  await live.watchKinds([CONFIG_MAP]);
  live.note({ ...first, metadata: { ...first.metadata, resourceVersion: '999999' } });
  expect(live.get(keyId(KEY))?.resourceVersion).toBe('999999');
  const isBack = (): boolean => live.get(keyId(KEY))?.resourceVersion === first.metadata.resourceVersion;
  expect(await live.until(isBack, 5_000, AbortSignal.timeout(5_000))).toBe(true);
  expect(changes.at(-1)).toMatchObject({ id: keyId(KEY), rewound: true });
});

test('what was written before its kind was watched, and is gone when it is, is gone', async () => {
  live.note(await cluster.create(map({ [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' })));
  await cluster.delete(KEY);
  await live.watchKinds([CONFIG_MAP]);
  expect(live.get(keyId(KEY))).toBeUndefined();
  expect(changes).toMatchObject([{ id: keyId(KEY), after: undefined }]);
});

/** The same cluster, where discovery answers as a test says. */
async function discovering(resource: Cluster['resource']): Promise<void> {
  await live.close();
  live = start(clusterWith(cluster, { resource }));
}

test('a kind that is not served is asked for again the next time, and watched as soon as it is', async () => {
  await cluster.create(map());
  const served: (ResourceInfo | null)[] = [null, await cluster.resource(CONFIG_MAP)];
  await discovering(() => Promise.resolve(served.shift() ?? null));
  await live.watchKinds([CONFIG_MAP]);
  expect(live.size).toBe(0);
  await live.watchKinds([CONFIG_MAP]);
  expect(live.size).toBe(1);
});

test('discovery that failed once is asked again', async () => {
  let asked = 0;
  await discovering((kind) => (asked++ === 0 ? Promise.reject(away) : cluster.resource(kind)));
  await expect(live.watchKinds([CONFIG_MAP])).rejects.toThrow('the server is away');
  await live.watchKinds([CONFIG_MAP]);
  expect(asked).toBe(2);
});

test('a kind that cannot be listed holds nobody up for ever, and is in view once it can', async () => {
  await cluster.create(map());
  const off = cluster.faults.add({
    times: 100,
    before: () => {
      throw away;
    },
    matches: isList,
  });
  await expect(live.watchKinds([CONFIG_MAP])).rejects.toThrow('ConfigMap cannot be watched: the server is away');
  off();
  expect(await live.until(() => live.size === 1, 5_000, AbortSignal.timeout(5_000))).toBe(true);
  await live.watchKinds([CONFIG_MAP]);
});

describe('a kind that may not be watched in the whole cluster', () => {
  const forbidden = new PlumbError('api-forbidden', 'configmaps is forbidden', {
    fault: 'user',
    policy: 'retry',
    status: 403,
  });
  const inShop = { ...CONFIG_MAP, namespace: 'shop' };
  const lists = (): string[] => cluster.requests.filter(isList).map(({ namespace }) => namespace);

  test('is watched in the namespaces of the objects, and asked for no more where it is forbidden', async () => {
    cluster.faults.fail(forbidden, 100, (request) => isList(request) && request.namespace === '');
    await cluster.create(map());
    await live.watchKinds([inShop, { ...CONFIG_MAP, namespace: 'default' }]);
    expect(live.size).toBe(1);
    await live.watchKinds([inShop]);
    expect(lists()).toEqual(['', 'shop', 'default']);
    await cluster.create({ ...map(), metadata: { ...map().metadata, namespace: 'default' } });
    expect(await live.until(() => live.size === 2, 5_000, AbortSignal.timeout(5_000))).toBe(true);
  });

  test('is told as such where it is forbidden there too, and for kinds without a namespace', async () => {
    cluster.faults.fail(forbidden, 100, isList);
    await expect(live.watchKinds([inShop])).rejects.toMatchObject({ status: 403 });
    await expect(live.watchKinds([inShop])).rejects.toThrow('ConfigMap cannot be watched: configmaps is forbidden');
    const whole = { group: '', version: 'v1', kind: 'Namespace', namespace: '' };
    await expect(live.watchKinds([whole])).rejects.toThrow('Namespace cannot be watched');
  });

  test('loses nothing of what was written elsewhere when one namespace is listed', async () => {
    cluster.faults.fail(forbidden, 100, (request) => isList(request) && request.namespace === '');
    const other = await cluster.create({ ...map(), metadata: { ...map().metadata, namespace: 'default' } });
    live.note(other);
    await live.watchKinds([inShop]);
    expect(live.get(keyId(keyOf(other)))).toBeDefined();
  });
});

test('a kind that may not be watched holds nobody up at all, and is in view once it may', async () => {
  await live.close();
  live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange: () => undefined });
  await cluster.create(map());
  const forbidden = new PlumbError('api-forbidden', 'configmaps is forbidden', { fault: 'user', policy: 'retry' });
  const off = cluster.faults.fail(forbidden, 100, isList);
  for (let run = 0; run < 2; run += 1)
    await expect(live.watchKinds([CONFIG_MAP])).rejects.toMatchObject({
      code: 'api-forbidden',
      message: 'ConfigMap cannot be watched: configmaps is forbidden',
    });
  off();
  expect(await live.until(() => live.size === 1, 5_000, AbortSignal.timeout(5_000))).toBe(true);
  await live.watchKinds([CONFIG_MAP]);
});

test('a kind of which nothing is kept is not watched', async () => {
  const review: ResourceInfo = {
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectReview',
    resource: 'selfsubjectreviews',
    namespaced: false,
    verbs: ['create'],
  };
  await discovering(() => Promise.resolve(review));
  await live.watchKinds([review]);
  expect(cluster.requests.filter(isList)).toEqual([]);
});

describe('an object watched by its name', () => {
  const isNow = (holds: () => boolean): Promise<boolean> => live.until(holds, 5_000, AbortSignal.timeout(5_000));

  test('is watched until the last unit needs it no more; then nothing of it is kept', async () => {
    await cluster.create(map({}));
    await live.watchObject(KEY, 'u1');
    await live.watchObject(KEY, 'u2');
    live.keepOnly('u1', new Set());
    await cluster.patch(KEY, { data: { a: '1' } }, { type: 'merge' });
    expect(await isNow(() => changes.length === 2)).toBe(true);
    live.keepOnly('u2', new Set([keyId(KEY)]));
    expect(live.isNamed(keyId(KEY))).toBe(true);
    live.keepOnly('u2', new Set());
    expect([live.isNamed(keyId(KEY)), live.size]).toEqual([false, 0]);
    await cluster.patch(KEY, { data: { a: '2' } }, { type: 'merge' });
    await live.watchObject({ ...KEY, name: 'later' }, 'u2');
    await cluster.create({ ...map({}), metadata: { name: 'later', namespace: 'shop' } });
    expect(await isNow(() => changes.length === 3)).toBe(true);
    expect(changes[2]?.key.name).toBe('later');
  });

  test('is watched anew when it is needed again', async () => {
    await cluster.create(map({}));
    await live.watchObject(KEY, 'u1');
    live.keepOnly('u1', new Set());
    await live.watchObject(KEY, 'u1');
    expect(live.get(keyId(KEY))).toBeDefined();
    expect(cluster.requests.filter(isList)).toHaveLength(2);
  });

  test('stays in view with what else its unit owns', async () => {
    await cluster.create(map({ [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'shop' }));
    await live.watchKinds([CONFIG_MAP]);
    await live.watchObject(KEY, 'u1');
    live.keepOnly('u1', new Set());
    expect(live.get(keyId(KEY))).toBeDefined();
  });

  test('that cannot be watched yet is let go of as well', async () => {
    const held = Promise.withResolvers<ResourceInfo | null>();
    await discovering(() => held.promise);
    const watching = live.watchObject(KEY, 'u1').catch((error: unknown) => error);
    live.keepOnly('u1', new Set());
    held.resolve(await cluster.resource(CONFIG_MAP));
    expect(await watching).toMatchObject({ code: 'cancelled' });
    expect(live.isNamed(keyId(KEY))).toBe(false);
  });
});
