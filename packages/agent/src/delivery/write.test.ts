import { OWNERSHIPS } from '@plumb/core';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { APPLY_MANAGER, keyId, PlumbError, systemError } from '@plumb/api';
import { DEFAULT_RULES, ownerLabels } from '@plumb/core';
import { MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApplyContext, Change } from './apply.ts';
import { judge } from './drift.ts';
import type { LiveChange } from './live.ts';
import { LiveObjects } from './live.ts';
import { UnitMemory } from './unit.ts';
import { write } from './write.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const ID = keyId(KEY);
const REF = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const LOST = systemError('api-unavailable', 'no answer', { fault: 'system', policy: 'retry' });
const REFUSED = new PlumbError('api-invalid', 'no', { fault: 'user', policy: 'retry' });

let cluster: MemoryCluster;
let live: LiveObjects;
let unit: UnitMemory;
let drifts: number;
beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  unit = new UnitMemory(REF, 'u1');
  drifts = 0;
  const onChange = (change: LiveChange): void => {
    if (judge(change, unit)) drifts += 1;
  };
  live = new LiveObjects({ cluster, ownership: OWNERSHIPS.Kustomization, onChange });
  await live.watchKinds([KEY]);
  await apply('green');
});
afterEach(() => live.close());

/** Applies a declaration, and waits until the watch shows it. */
async function apply(colour: string): Promise<void> {
  const body: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'shop', labels: ownerLabels(REF) },
    data: { colour },
  };
  const bytes = Buffer.from(JSON.stringify(body));
  const stored = {
    key: KEY,
    digest: colour,
    rules: DEFAULT_RULES,
    ignored: [],
    pack: { bytes },
    at: 0,
    size: bytes.length,
  };
  const context = {
    cluster,
    live,
    unit,
    bundle: { objects: [stored] },
    clock: { now: () => 0 },
    fieldManager: APPLY_MANAGER,
    overriddenManagers: [],
    onAnswer: () => undefined,
    signal: new AbortController().signal,
  } as unknown as ApplyContext;
  const changes: Change[] = [];
  await write({ action: { kind: 'change', key: KEY, index: 0 }, live: undefined }, context, changes);
}

async function shown(): Promise<void> {
  const version = (await cluster.get(KEY))?.metadata.resourceVersion;
  await live.until(() => live.get(ID)?.resourceVersion === version, 5_000, AbortSignal.timeout(5_000));
}

test('a new declaration that is in force though its answer was lost is no drift', async () => {
  const lose = (): never => {
    throw LOST;
  };
  cluster.faults.add({ matches: ({ verb, dryRun }) => verb === 'apply' && !dryRun, after: lose });
  await expect(apply('red')).rejects.toBe(LOST);
  await shown();
  expect((await cluster.get(KEY))?.['data']).toEqual({ colour: 'red' });
  expect([drifts, unit.drifted.size]).toEqual([0, 0]);
});

test('after one that was refused, or the same again without an answer, what somebody changes is drift as before', async () => {
  const isApply = ({ verb }: { verb: string }): boolean => verb === 'apply';
  cluster.faults.fail(REFUSED, 1, isApply);
  await expect(apply('red')).rejects.toBe(REFUSED);
  cluster.faults.fail(LOST, 1, isApply);
  await expect(apply('green')).rejects.toBe(LOST);
  await cluster.patch(KEY, { data: { colour: 'blue' } }, { type: 'merge', fieldManager: 'kubectl-edit' });
  await shown();
  expect([drifts, unit.drifted.size]).toEqual([1, 1]);
});
