import { crds, KUSTOMIZATION, systemError } from '@plumb/api';
import { MemoryCluster, withSilentWatch } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FluxObjects } from './flux-objects.ts';
import type { KeyedQueue } from './queue.ts';
import { Share } from './share.ts';
import type { Shards } from './shards.ts';
import { aloneWith } from './shards.ts';
import type { StatusWriter } from './status-writer.ts';

const ID = 'shop/apps';
const KEY = { ...KUSTOMIZATION, namespace: 'shop', name: 'apps' };

let cluster: MemoryCluster;
let stop: AbortController;
let owned: boolean;
let review: () => void;
let seen: unknown[];
let share: Share;

const reads = (): number => cluster.requests.filter(({ verb }) => verb === 'get').length;

beforeEach(async () => {
  cluster = new MemoryCluster();
  stop = new AbortController();
  owned = false;
  seen = [];
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test' });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.create({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'shop' },
    spec: { interval: '1m', path: './', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } },
  });
  const objects = new FluxObjects(withSilentWatch(cluster), KUSTOMIZATION, { signal: stop.signal });
  await objects.ready();
  const queue = { add: () => undefined, forget: () => undefined } as unknown as KeyedQueue;
  const alone = aloneWith(cluster);
  const shards: Shards = {
    claim: (unit) => (owned ? alone.claim(unit) : null),
    owns: () => owned,
    listen: (listener) => (review = listener),
  };
  const writer = (): StatusWriter => ({ drop: () => undefined }) as unknown as StatusWriter;
  const parts = { selects: () => true, shards, objects, queue: () => queue, writer, stop: stop.signal };
  share = new Share('Kustomization', parts);
  share.start({
    run: (id) => Promise.resolve(void seen.push(objects.get(id)?.['status'])),
    drop: () => undefined,
  });
  cluster.clearRequests();
});
afterEach(() => stop.abort());

function own(what: boolean): void {
  owned = what;
  review();
}

test('what is ours from the beginning is not read by itself, however long it took to agree', async () => {
  own(false);
  own(true);
  await share.run(ID);
  expect(seen).toHaveLength(1);
  expect(reads()).toBe(0);
});

test('what is taken over is read once before it is worked on, however far behind the watch is', async () => {
  own(true);
  own(false);
  const status = { observedGeneration: 7 };
  await cluster.patch(KEY, { status }, { type: 'merge', subresource: 'status' });
  own(true);
  await share.run(ID);
  await share.run(ID);
  expect(seen).toEqual([status, status]);
  expect(reads()).toBe(1);
});

test('what cannot be read is not worked on yet', async () => {
  for (const what of [true, false, true]) own(what);
  cluster.faults.fail(systemError('api-unavailable', 'away'), 1, ({ verb }) => verb === 'get');
  await expect(share.run(ID)).rejects.toThrow('away');
  expect(seen).toEqual([]);
  await share.run(ID);
  expect(seen).toHaveLength(1);
});
