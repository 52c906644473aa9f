import type { KubeObject, ObjectKey } from '@plumb/api';
import { keyOf, PlumbError } from '@plumb/api';
import { ownerLabels } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { prune, thereUnseen } from './prune.ts';

const unit = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const PARALLEL = 4;

function object(kind: string, name: string, labels: Record<string, string> = ownerLabels(unit)): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop', labels } };
}

async function world(objects: readonly KubeObject[]): Promise<{ cluster: MemoryCluster; keys: ObjectKey[] }> {
  const cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  for (const one of objects) await cluster.create(one);
  return { cluster, keys: objects.map(keyOf) };
}

const many = (kind: string): KubeObject[] => Array.from({ length: 10 }, (_, index) => object(kind, `${index}`));
const { signal } = new AbortController();

test('objects of one kind go together, and kinds after each other, what refers to others first', async () => {
  const { cluster, keys } = await world([...many('ServiceAccount'), ...many('Secret'), ...many('ConfigMap')]);
  let [now, most] = [0, 0];
  const enter = async (): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    await new Promise(setImmediate);
  };
  cluster.faults.add({ times: 1_000, before: enter, after: () => void (now -= 1) });
  const { changes, kept, failures } = await prune(keys, {
    cluster,
    unit,
    hidesValues: false,
    parallel: PARALLEL,
    signal,
  });
  expect(changes).toHaveLength(30);
  expect([kept, failures]).toEqual([[], []]);
  expect(most).toBe(PARALLEL);
  const asked = cluster.requests.filter(({ verb }) => verb !== 'create').map(({ kind }) => kind);
  expect(asked.toSorted((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))).toEqual(asked);
});

const ORDER = ['Secret', 'ConfigMap', 'ServiceAccount'];

test('each is read before it is deleted, as it was read, and only where it is ours', async () => {
  const foreign = object('Secret', 'foreign', ownerLabels({ ...unit, name: 'other' }));
  const stays = object('Secret', 'stays');
  stays.metadata.annotations = { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };
  const { cluster, keys } = await world([foreign, stays, object('Secret', 'ours')]);
  const gone = { ...(keys[0] as ObjectKey), name: 'gone' };
  const { changes } = await prune([...keys, gone], { cluster, unit, hidesValues: false, parallel: PARALLEL, signal });
  expect(changes).toEqual([{ key: keys[2], action: 'deleted' }]);
  const { items } = await cluster.list({ group: '', version: 'v1', kind: 'Secret' });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['foreign', 'stays']);
});

test('one that cannot be deleted is named and kept, and keeps the others from nothing', async () => {
  const { cluster, keys } = await world([...many('Secret'), ...many('ConfigMap')]);
  const refusal = new PlumbError('api-forbidden', 'not allowed', { fault: 'user', policy: 'retry' });
  cluster.faults.fail(refusal, 1, ({ verb, kind, name }) => verb === 'delete' && kind === 'Secret' && name === '7');
  const { changes, kept, failures } = await prune(keys, {
    cluster,
    unit,
    hidesValues: false,
    parallel: PARALLEL,
    signal,
  });
  expect(changes).toHaveLength(19);
  expect(kept).toEqual([keys[7]]);
  expect(failures).toEqual(['Secret/shop/7 delete failed: not allowed']);
});

test('one that changes after it was read is looked at again', async () => {
  const { cluster, keys } = await world([object('Secret', 'taken')]);
  const [key] = keys as [ObjectKey];
  const takeAway = async (): Promise<void> => {
    await cluster.patch(key, { metadata: { labels: ownerLabels({ ...unit, name: 'other' }) } }, { type: 'merge' });
  };
  cluster.faults.add({ matches: ({ verb }) => verb === 'delete', before: takeAway });
  expect((await prune(keys, { cluster, unit, hidesValues: false, parallel: PARALLEL, signal })).changes).toEqual([]);
  expect(await cluster.get(key)).not.toBeNull();
});

test('a cancelled one ends all', async () => {
  const { cluster, keys } = await world(many('Secret'));
  const stop = new AbortController();
  stop.abort();
  await expect(
    prune(keys, { cluster, unit, hidesValues: false, parallel: PARALLEL, signal: stop.signal }),
  ).rejects.toMatchObject({
    code: 'cancelled',
  });
});

test('what no watch shows is asked for: it is there, it is not, or nobody may say', async () => {
  const { cluster, keys } = await world(['there', 'hidden', 'failing'].map((name) => object('Secret', name)));
  const [there, hidden, failing] = keys as [ObjectKey, ObjectKey, ObjectKey];
  const refused = (code: 'api-forbidden' | 'api-unavailable', of: ObjectKey): void => {
    const error = new PlumbError(code, 'no', { fault: 'system', policy: 'retry' });
    cluster.faults.fail(error, 1, ({ verb, name }) => verb === 'get' && name === of.name);
  };
  refused('api-forbidden', hidden);
  refused('api-unavailable', failing);
  const [gone, unserved] = [
    { ...there, name: 'gone' },
    { ...there, kind: 'Unheard' },
  ];
  const context = { cluster, unit, hidesValues: false, parallel: PARALLEL, signal };
  expect(await thereUnseen([there, gone, unserved, hidden, failing], context)).toEqual([there, failing]);
});
