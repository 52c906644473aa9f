import type { KubeObject } from '@plumb/api';
import { keyOf, PlumbError, systemError } from '@plumb/api';
import type { MemoryRequest } from '@plumb/testkit';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { Claims } from './claims.ts';
import type { Claim } from './shards.ts';

const UNIT = 'Kustomization/shop/apps';
const OBJECT: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cart', namespace: 'default' },
  data: { a: '1' },
};
const apply = (claim: Claim, signal?: AbortSignal): Promise<unknown> =>
  claim.cluster.apply(OBJECT, { fieldManager: 'test', ...(signal && { signal }) });

let cluster: MemoryCluster;
let claims: Claims;
let drained: number;
let mostMs: number | null;
beforeEach(() => {
  cluster = new MemoryCluster();
  drained = 0;
  mostMs = 4_000;
  claims = new Claims({
    cluster,
    fence: () => {
      if (mostMs === null) throw systemError('cancelled', 'no lease');
      return mostMs;
    },
    onDrained: () => (drained += 1),
  });
});

function take(): Claim {
  const claim = claims.take(UNIT);
  if (claim === null) throw new Error('no claim');
  return claim;
}

const isApply = ({ verb }: MemoryRequest): boolean => verb === 'apply';
const written = async (): Promise<boolean> => (await cluster.get(keyOf(OBJECT))) !== null;

test('a claim changes what it is asked to, as whoever it is asked to', async () => {
  const claim = take();
  await claim.cluster.as('system:serviceaccount:shop:deployer').apply(OBJECT, { fieldManager: 'test' });
  expect(await written()).toBe(true);
  expect(cluster.requests.find(({ verb }) => verb === 'apply')?.user).toBe('system:serviceaccount:shop:deployer');
});

test('another cluster is under the same leave', async () => {
  const far = new MemoryCluster();
  const claim = take();
  await claim.over(far).apply(OBJECT, { fieldManager: 'test' });
  expect(await far.get(keyOf(OBJECT))).not.toBeNull();
  expect(await written()).toBe(false);
  claims.takeBack(() => false);
  await expect(claim.over(far).delete(keyOf(OBJECT))).rejects.toThrow('belongs to another replica');
});

test('without a lease nothing is changed', async () => {
  const claim = take();
  mostMs = null;
  await expect(apply(claim)).rejects.toThrow('no lease');
  expect(await written()).toBe(false);
});

describe('a claim that is taken back', () => {
  test('changes nothing any more, reads on, and tells its work', async () => {
    const claim = take();
    await claim.run(async () => {
      claims.takeBack(() => false);
      expect(claim.signal.aborted).toBe(true);
      await expect(apply(claim)).rejects.toThrow('belongs to another replica');
      expect(await claim.cluster.get(keyOf(OBJECT))).toBeNull();
    });
    expect(cluster.requests.some(({ verb }) => verb === 'apply')).toBe(false);
  });

  test('has ended when its work has; until then there is no other', async () => {
    const work = Promise.withResolvers<void>();
    const running = take().run(() => work.promise);
    claims.takeBack(() => false);
    expect(claims.isDraining).toBe(true);
    expect(claims.take(UNIT)).toBeNull();
    work.resolve();
    await running;
    expect(claims.isDraining).toBe(false);
    expect(drained).toBe(1);
    expect(claims.take(UNIT)).not.toBeNull();
  });

  test('has ended when what it sent is answered, though its work has left', async () => {
    const claim = take();
    const answer = Promise.withResolvers<void>();
    cluster.faults.add({ matches: isApply, after: () => answer.promise });
    const leaving = new AbortController();
    const sent = claim.run(() => apply(claim, leaving.signal));
    await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    claims.takeBack(() => false);
    expect(claims.isDraining).toBe(true);
    answer.resolve();
    await sent;
    expect(claims.isDraining).toBe(false);
    expect(await written()).toBe(true);
  });

  test('has ended when what got no answer cannot be carried out any more', async () => {
    mostMs = 60;
    const after = (): never => {
      throw new PlumbError('api-unavailable', 'cut off', { fault: 'system', policy: 'retry' });
    };
    cluster.faults.add({ matches: isApply, after });
    const started = performance.now();
    const claim = take();
    await expect(apply(claim)).rejects.toThrow('cut off');
    const ended = Promise.withResolvers<void>();
    claims.takeBack(() => false);
    const look = setInterval(() => drained > 0 && ended.resolve(), 5);
    await ended.promise;
    clearInterval(look);
    expect(performance.now() - started).toBeGreaterThanOrEqual(58);
  });

  test('leaves others alone', async () => {
    const other = claims.take('Kustomization/shop/other');
    const working = other?.run(() => new Promise((resolve) => setTimeout(resolve, 10)));
    take();
    claims.takeBack((id) => id !== UNIT);
    expect(other?.signal.aborted).toBe(false);
    expect(claims.take('Kustomization/shop/other')).toBe(other);
    await working;
  });
});

test('when the lease is lost what is under way is cut off', async () => {
  const claim = take();
  cluster.faults.add({ matches: isApply, before: () => new Promise((resolve) => setTimeout(resolve, 20)) });
  const sent = apply(claim);
  claims.cut();
  await expect(sent).rejects.toThrow('cancelled');
  expect(await written()).toBe(false);
});
