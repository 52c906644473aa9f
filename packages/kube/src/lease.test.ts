import { PlumbError, type KubeObject } from '@plumb/api';
import { afterEach, describe, expect, test } from 'vitest';
import { holdLease, type LeaseOptions } from './lease.ts';
import type { LeaseStore } from './lease-record.ts';

const fail = (code: 'api-conflict' | 'api-unavailable'): PlumbError =>
  new PlumbError(code, code, { fault: 'system', policy: 'retry' });

/** One Lease, with the API server's rule that a write must name the version it was decided on. */
class Store implements LeaseStore {
  lease: KubeObject | null = null;
  writes: Record<string, unknown>[] = [];
  reads = 0;
  /** Takes the place of the next answers while it is set. */
  trouble: ((signal: AbortSignal | undefined) => Promise<never>) | undefined;
  #version = 0;

  async get(_key: unknown, options?: { signal?: AbortSignal }): Promise<KubeObject | null> {
    await this.trouble?.(options?.signal);
    this.reads += 1;
    return structuredClone(this.lease);
  }

  async create(object: KubeObject, options?: { signal?: AbortSignal }): Promise<KubeObject> {
    await this.trouble?.(options?.signal);
    if (this.lease !== null) throw fail('api-conflict');
    return this.#write(object);
  }

  async update(object: KubeObject, options?: { signal?: AbortSignal }): Promise<KubeObject> {
    await this.trouble?.(options?.signal);
    if (object.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) throw fail('api-conflict');
    return this.#write(object);
  }

  spec(): Record<string, unknown> {
    return (this.lease?.['spec'] ?? {}) as Record<string, unknown>;
  }

  #write(object: KubeObject): KubeObject {
    this.#version += 1;
    this.lease = {
      ...structuredClone(object),
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    };
    this.writes.push(this.spec());
    return structuredClone(this.lease);
  }
}

interface Candidate {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  /** Resolves with the next thing told: `acquired` or `lost: …`. */
  next(): Promise<string>;
}

const candidates: Candidate[] = [];
afterEach(async () => {
  for (const { stop, done } of candidates.splice(0)) {
    stop.abort();
    await done;
  }
});

function candidate(store: Store, identity: string, options: Partial<LeaseOptions> = {}): Candidate {
  const stop = new AbortController();
  const told: string[] = [];
  const takers: ((text: string) => void)[] = [];
  const tell = (text: string): void => {
    const taker = takers.shift();
    if (taker === undefined) told.push(text);
    else taker(text);
  };
  const done = holdLease(store, {
    namespace: 'plumb',
    name: 'agent',
    identity,
    leaseDuration: 300,
    renewDeadline: 200,
    retryPeriod: 20,
    signal: stop.signal,
    onAcquired: () => tell('acquired'),
    onLost: (reason) => tell(`lost: ${reason.message}`),
    ...options,
  });
  const next = (): Promise<string> => {
    const waiting = told.shift();
    return waiting === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(waiting);
  };
  candidates.push({ stop, done, next });
  return { stop, done, next };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('the first candidate creates the lease, and renews it', async () => {
  const store = new Store();
  const first = candidate(store, 'a');
  expect(await first.next()).toBe('acquired');
  await until(() => store.writes.length >= 3);
  expect(store.spec()).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 1, leaseTransitions: 0 });
  expect(store.spec()['acquireTime']).toBe(store.writes[0]?.['acquireTime']);
  expect(store.spec()['renewTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('I13: of many candidates one holds at a time; a release hands over at once', async () => {
  const store = new Store();
  const acting: string[] = [];
  const all = new Map(
    ['a', 'b', 'c'].map((identity) => [
      identity,
      candidate(store, identity, { onAcquired: () => acting.push(identity) }),
    ]),
  );
  for (let count = 1; count <= 3; count++) {
    await until(() => acting.length >= count);
    expect(acting).toHaveLength(count);
    const holder = all.get(acting.at(-1)!)!;
    holder.stop.abort();
    await holder.done;
  }
  expect(acting.toSorted()).toEqual(['a', 'b', 'c']);
  expect(store.spec()['holderIdentity']).toBe('');
});

test('a candidate waits a whole term by its own clock, whatever time the record shows', async () => {
  const store = new Store();
  await store.create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'agent', namespace: 'plumb' },
    spec: {
      holderIdentity: 'dead',
      leaseDurationSeconds: 1,
      renewTime: '2001-01-01T00:00:00.000000Z',
      leaseTransitions: 4,
    },
  });
  let now = 0;
  const second = candidate(store, 'b', { now: () => now });
  await until(() => store.reads > 0);
  now = 999;
  const { reads } = store;
  await until(() => store.reads > reads + 1);
  expect(store.spec()['holderIdentity']).toBe('dead');
  now = 1_001;
  expect(await second.next()).toBe('acquired');
  expect(store.spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 5 });
});

describe('the holder', () => {
  test('keeps acting through a failure shorter than its deadline', async () => {
    const store = new Store();
    const first = candidate(store, 'a');
    await first.next();
    let failures = 0;
    store.trouble = async () => {
      failures += 1;
      throw fail('api-unavailable');
    };
    await until(() => failures >= 2);
    store.trouble = undefined;
    const writes = store.writes.length;
    await until(() => store.writes.length > writes + 1);
    first.stop.abort();
    await first.done;
    expect(await Promise.race([first.next(), Promise.resolve('nothing')])).toBe('nothing');
  });

  test('stops at its deadline though the request hangs, and takes the lease again later', async () => {
    const store = new Store();
    const first = candidate(store, 'a');
    await first.next();
    store.trouble = (signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(fail('api-unavailable'))));
    expect(await first.next()).toBe('lost: the lease plumb/agent could not be renewed in 200 ms');
    store.trouble = undefined;
    expect(await first.next()).toBe('acquired');
  });

  test('stops when another has taken the lease', async () => {
    const store = new Store();
    const first = candidate(store, 'a');
    await first.next();
    await until(() => store.writes.length > 1);
    store.lease = {
      ...store.lease!,
      metadata: { ...store.lease!.metadata, resourceVersion: 'other' },
      spec: { ...store.spec(), holderIdentity: 'b', leaseDurationSeconds: 60 },
    };
    expect(await first.next()).toBe('lost: the lease plumb/agent is held by b');
  });
});

test('terms that cannot work are refused', async () => {
  const signal = AbortSignal.abort();
  const options = { namespace: 'n', name: 'l', identity: 'a', signal, onAcquired: () => {}, onLost: () => {} };
  await expect(
    holdLease(new Store(), { ...options, leaseDuration: 10, renewDeadline: 10, retryPeriod: 1 }),
  ).rejects.toThrow(RangeError);
});
