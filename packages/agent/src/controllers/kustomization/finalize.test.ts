import { OWNERSHIPS } from '@plumb/core';
import type { Kustomization, KubeObject } from '@plumb/api';
import { crds, FINALIZER, keyOf, KUSTOMIZATION, PlumbError } from '@plumb/api';
import { ownerLabels } from '@plumb/core';
import type { Remote } from '@plumb/kube';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Clusters } from '../../delivery/clusters.ts';
import { UnitMemory } from '../../delivery/unit.ts';
import type { Hands } from './act.ts';
import { unitRef } from './act.ts';
import { approach, unreachable } from '../../delivery/approach.ts';
import { NOTHING } from './facts.ts';
import { finalize } from './finalize.ts';

const HOUR = 3_600_000;
const REMOTE: Remote = { id: 'far', place: 'far', host: 'far:443', access: null as never };
const SETTINGS = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'settings' };
const missing = new PlumbError('api-not-found', 'the Secret is gone', { fault: 'user', policy: 'retry' });

let clock: FakeClock;
let home: MemoryCluster;
let far: MemoryCluster;
let clusters: Clusters;
let found: Remote | PlumbError;
let memory: UnitMemory;
let hands: Hands;

beforeEach(async () => {
  clock = new FakeClock();
  [home, far] = [new MemoryCluster({ clock }), new MemoryCluster({ clock })];
  clusters = new Clusters({
    cluster: home,
    clock,
    ownership: OWNERSHIPS.Kustomization,
    connect: () => far,
    onLive: () => undefined,
    onNews: () => undefined,
    onNotice: () => undefined,
  });
  found = REMOTE;
  const remoteClusters = { find: () => (found instanceof PlumbError ? Promise.reject(found) : Promise.resolve(found)) };
  const signal = new AbortController().signal;
  hands = {
    parallel: 4,
    cluster: home,
    over: (cluster: MemoryCluster) => cluster,
    clusters,
    remoteClusters,
    clock,
    signal,
  } as unknown as Hands;
  for (const crd of crds()) await home.apply(crd, { fieldManager: 'test' });
});
afterEach(() => clusters.close());

/** A unit that is being deleted and owns one ConfigMap, in the other cluster and in this one. */
async function deleted(spec: Partial<Kustomization['spec']> = {}): Promise<Kustomization> {
  const object = {
    apiVersion: `${KUSTOMIZATION.group}/v1`,
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'default', finalizers: [FINALIZER] },
    spec: {
      interval: '10m',
      prune: true,
      sourceRef: { kind: 'GitRepository', name: 'shop' },
      kubeConfig: { secretRef: { name: 'far' } },
      ...spec,
    },
  };
  const { metadata } = await home.create(object as KubeObject);
  const status = { inventory: { entries: [{ id: 'default_settings__ConfigMap', v: 'v1' }] } };
  await home.patch(keyOf({ ...object, metadata }), { status }, { type: 'merge', subresource: 'status' });
  const labels = ownerLabels({ kind: 'Kustomization', namespace: 'default', name: 'apps' });
  const owned = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default', labels } };
  for (const cluster of [home, far]) await cluster.create(owned);
  const read = (await home.get(keyOf({ ...object, metadata }))) as unknown as Kustomization;
  memory = new UnitMemory(unitRef(read), read.metadata.uid ?? '');
  return read;
}

const isThere = async (cluster: MemoryCluster): Promise<boolean> => (await cluster.get(SETTINGS)) !== null;
async function isHeld(object: Kustomization): Promise<boolean> {
  const seen = await home.get(keyOf(object as KubeObject));
  return seen?.metadata.finalizers?.includes(FINALIZER) === true;
}

describe('the deletion of a unit with a kubeconfig', () => {
  test('deletes what it owns there, and nothing here', async () => {
    const object = await deleted();
    expect(await finalize(object, memory, hands)).toMatchObject({ next: 'gone', deleted: [SETTINGS] });
    expect([await isThere(far), await isThere(home), await isHeld(object)]).toEqual([false, true, false]);
  });

  test('waits for a cluster that is away, for an hour; then says what is left in it', async () => {
    const object = await deleted();
    far.become(null);
    await approach(object, { memory, hands, signal: hands.signal });
    far.become('connection refused');
    const said = { next: 'unreached', said: [{ reason: 'PruneFailed', text: expect.stringContaining('far:443') }] };
    expect(await finalize(object, memory, hands)).toMatchObject(said);
    await clock.advance(HOUR - 1);
    expect(await finalize(object, memory, hands)).toMatchObject(said);
    expect(await isHeld(object)).toBe(true);
    await clock.advance(1);
    const left = await finalize(object, memory, hands);
    expect(left).toMatchObject({ next: 'gone', deleted: [] });
    expect(left.said[0]?.text).toMatch(
      /^unable to prune objects, they are left in their cluster: .*refused\nConfigMap\/default\/settings$/,
    );
    expect(await isHeld(object)).toBe(false);
  });

  test('goes on when the cluster is back in time', async () => {
    const object = await deleted();
    await approach(object, { memory, hands, signal: hands.signal });
    far.become('connection refused');
    await finalize(object, memory, hands);
    await clock.advance(HOUR / 2);
    far.become(null);
    expect(await finalize(object, memory, hands)).toMatchObject({ next: 'gone', deleted: [SETTINGS] });
  });

  test('uses the connection that is open when the Secret went first', async () => {
    const object = await deleted();
    await approach(object, { memory, hands, signal: hands.signal });
    found = missing;
    expect(await finalize(object, memory, hands)).toMatchObject({ next: 'gone', deleted: [SETTINGS] });
    expect(await isThere(far)).toBe(false);
  });

  test('lets go at once when nobody knows the way any more', async () => {
    const object = await deleted();
    found = missing;
    const left = await finalize(object, memory, hands);
    expect(left).toMatchObject({ next: 'gone', said: [{ text: expect.stringContaining('the Secret is gone') }] });
    expect([await isThere(far), await isHeld(object)]).toEqual([true, false]);
  });

  test('waits while what is wrong with the Secret may be put right', async () => {
    const object = await deleted();
    found = new PlumbError('invalid-spec', 'no kubeconfig', { fault: 'user', policy: 'stall' });
    expect(await finalize(object, memory, hands)).toMatchObject({
      next: 'unreached',
      said: [{ text: 'no kubeconfig' }],
    });
    expect(await isHeld(object)).toBe(true);
  });

  test('asks the other cluster whether the account is there', async () => {
    const object = await deleted({ serviceAccountName: 'tenant' });
    await home.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'tenant', namespace: 'default' } });
    expect(await finalize(object, memory, hands)).toMatchObject({
      next: 'gone',
      deleted: [],
      said: [{ reason: 'PruneFailed' }],
    });
    expect(await isThere(far)).toBe(true);
  });

  test('takes an account for being there that it may not read', async () => {
    const object = await deleted({ serviceAccountName: 'tenant' });
    const forbidden = new PlumbError('api-forbidden', 'forbidden', { fault: 'user', policy: 'retry', status: 403 });
    far.faults.fail(forbidden, 1, ({ kind }) => kind === 'ServiceAccount');
    expect(await finalize(object, memory, hands)).toMatchObject({ next: 'gone', deleted: [SETTINGS] });
    expect(far.requests.find(({ verb }) => verb === 'delete')?.user).toBe('system:serviceaccount:default:tenant');
  });
});

test('a deletion that is forbidden keeps the unit, and says so', async () => {
  const object = await deleted();
  const forbidden = new PlumbError('api-forbidden', 'serviceaccounts is forbidden', { fault: 'user', policy: 'retry' });
  const { kubeConfig: _far, ...spec } = object.spec;
  const bound = { ...object, spec: { ...spec, serviceAccountName: 'tenant' } };
  home.faults.fail(forbidden, 1, ({ kind }) => kind === 'ServiceAccount');
  expect(await finalize(bound, memory, hands)).toMatchObject({
    next: 'retry',
    deleted: [],
    said: [{ reason: 'PruneFailed', text: 'serviceaccounts is forbidden' }],
  });
  expect([await isThere(home), await isHeld(object)]).toEqual([true, true]);
});

describe('a unit whose cluster is away', () => {
  test('is looked at again when that may have passed, and then says since when, and which Secret told the way', async () => {
    const object = await deleted();
    await approach(object, { memory, hands, signal: hands.signal });
    expect(unreachable(object, NOTHING, { memory, hands })).toBeNull();
    far.become('connection refused');
    expect(unreachable(object, NOTHING, { memory, hands })).toMatchObject({ type: 'again', after: 2_000 });
    await clock.advance(2_000);
    expect(unreachable(object, NOTHING, { memory, hands })).toMatchObject({
      type: 'retry',
      after: 30_000,
      said: {
        reason: 'ReconciliationFailed',
        text: 'the cluster at far:443 (Secret/default/far) has not answered since 2026-01-01T00:00:00.000Z: connection refused',
      },
    });
    expect(memory.awaitingSince).not.toBeNull();
  });
});

describe('what is known of the objects of a unit', () => {
  const applied = { desiredDigest: 'd', ownedHash: 'h', uid: 'u', resourceVersion: '1' };
  const goTo = (place: string): void => memory.goTo({ ...clusters.own, id: place, place });
  beforeEach(async () => {
    await deleted();
    goTo('far');
    memory.applied.set('/ConfigMap/default/settings', applied);
    memory.drifted.set('/ConfigMap/default/settings', 'gone');
  });

  test('stays when it is the same cluster, by other credentials', () => {
    goTo('far');
    expect([memory.applied.size, memory.drifted.size, memory.moved]).toEqual([1, 1, false]);
  });

  test('says nothing of them in another: a Job that ended there has not run here', () => {
    memory.toldBefore = new Map([['/ConfigMap/default/settings', 'told']]);
    memory.driftEnded = true;
    goTo('farther');
    expect([memory.applied.size, memory.drifted.size, memory.recalled, memory.moved]).toEqual([0, 0, null, true]);
    expect([memory.toldBefore.size, memory.driftEnded]).toEqual([0, false]);
  });
});
