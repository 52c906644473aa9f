import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GIT_REPOSITORY, KUSTOMIZATION } from '@plumb/api';
import { ChaosProxy, checkStatus, seededRandom } from '@plumb/testkit';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { FAULTS, STORM } from '../chaos/faults.ts';
import { Churn } from './support/churn.ts';
import { Requests } from './support/requests.ts';
import { World } from './support/world.ts';

const STORM_MS = 10_000;
/** By how much the most requests within a second may outdo those before, once a fault is over: what waited comes beside what is new. */
const CATCHING_UP = 3;
/** Of how many changes a load is made, at least. */
const CHANGES = 6;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A world whose agent reaches the API server through a proxy only. The scenario itself goes straight to it. */
async function start(seed: number, { http1 = false } = {}): Promise<{ world: World; proxy: ChaosProxy }> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-chaos-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  const proxy = await ChaosProxy.start({ kubeconfig: inject('kubeconfig'), dir, seed, http1 });
  cleanups.push(() => proxy.close());
  const connect = { kubeconfig: proxy.kubeconfig, counter: new Requests() };
  const world = await World.start({ agent: { connect, checkInterval: 2_000 } });
  cleanups.push(() => world.close());
  return { world, proxy };
}

async function brokenStatuses(world: World): Promise<string[]> {
  const lists = await Promise.all(
    [GIT_REPOSITORY, KUSTOMIZATION].map((kind) => world.cluster.list(kind, { namespace: world.namespace })),
  );
  return lists.flatMap(({ items }) => items).flatMap((object) => checkStatus(object));
}

describe.each([
  { seed: 1, http1: false },
  { seed: 2, http1: true },
])('a connection that goes wrong in every way, seed $seed, HTTP/1.1 $http1', ({ seed, http1 }) => {
  test('I5: in the end the cluster equals Git, and the inventory the cluster', async () => {
    const { world, proxy } = await start(seed, { http1 });
    const random = seededRandom(seed);
    const churn = new Churn(world, random, ['shop', 'cart', 'till']);
    await churn.begin();
    proxy.set(STORM);
    for (const end = performance.now() + STORM_MS; performance.now() < end;) {
      await churn.step();
      await sleep(random() * 200);
    }
    // What chance left out happens now.
    for (const fault of FAULTS) {
      proxy.set({ ...STORM, [fault]: 1 });
      while (!proxy.happened.has(fault)) await churn.step();
    }
    proxy.set({});
    await churn.settled(60_000);
    const { inventory, labelled } = await churn.ownership();
    expect(inventory).toEqual(labelled);
    expect(await brokenStatuses(world)).toEqual([]);
    expect([...proxy.happened.keys()].toSorted()).toEqual(FAULTS.toSorted());
  });
});

test(
  'I12: refusals and errors are never answered with more load than before, and their end with no stampede',
  { timeout: 240_000 },
  async () => {
    const { world, proxy } = await start(3);
    const churn = new Churn(world, seededRandom(3), ['shop', 'cart', 'till']);
    await churn.begin();
    // So long, and so many changes: a peak over fewer would be one of the machine's pace.
    const load = async (ms: number): Promise<number> => {
      const from = performance.now();
      for (let changes = 0; changes < CHANGES || performance.now() - from < ms; changes++) {
        await churn.changeAll();
        await sleep(100);
      }
      return proxy.peakRate(from);
    };
    const before = await load(4_000);
    const during: Record<string, number> = {};
    const after: Record<string, number> = {};
    for (const fault of ['refused', 'throttled', 'error-500', 'unavailable-503'] as const) {
      proxy.set({ [fault]: 1 });
      during[fault] = await load(3_000);
      proxy.set({});
      after[fault] = await load(3_000);
      await churn.settled(60_000);
    }
    expect(before).toBeGreaterThan(10);
    expect(Object.entries(during).filter(([, peak]) => peak > before)).toEqual([]);
    expect(Object.entries(after).filter(([, peak]) => peak > CATCHING_UP * before)).toEqual([]);
  },
);

test('a single lost event is noticed within the interval of the check', async () => {
  const { world, proxy } = await start(4);
  const churn = new Churn(world, seededRandom(4), ['shop']);
  await churn.begin();
  proxy.set({ 'drop-event': 1 });
  const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: world.namespace, name: 'shop-one' };
  await world.edit(key, { data: { value: 'unseen' } });
  // Another event may be the first that is dropped.
  await sleep(300);
  await expect.poll(() => proxy.happened.get('drop-event') ?? 0, { timeout: 30_000 }).toBeGreaterThan(0);
  proxy.set({});
  expect((await world.get(key))?.['data']).toEqual({ value: 'unseen' });
  await churn.settled(40_000);
});
