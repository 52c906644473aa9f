import { PlumbError, type KubeObject } from '@plumb/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemberLease, type LeaseStore } from './member-lease.ts';

const fail = (code: 'api-conflict' | 'api-unavailable' | 'api-not-found'): PlumbError =>
  new PlumbError(code, code, { fault: 'system', policy: 'retry' });

/** One Lease, with the API server's rule that a write must name the version it was decided on. */
class Store implements LeaseStore {
  lease: KubeObject | null = null;
  /** Holders and annotations as they were written, one after the other. */
  readonly written: string[] = [];
  /** Takes the place of the next answers while it is set. */
  trouble: ((signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** The next write is carried out, and its answer lost. */
  losesAnswer = false;
  #version = 0;
  #looks = new Set<() => void>();

  async get(): Promise<KubeObject | null> {
    await this.trouble?.(undefined);
    return structuredClone(this.lease);
  }

  async create(object: KubeObject, options?: { signal?: AbortSignal }): Promise<KubeObject> {
    await this.trouble?.(options?.signal);
    return this.#write(object);
  }

  async update(object: KubeObject, options?: { signal?: AbortSignal }): Promise<KubeObject> {
    await this.trouble?.(options?.signal);
    if (this.lease === null) throw fail('api-not-found');
    if (object.metadata.resourceVersion !== this.lease.metadata.resourceVersion) throw fail('api-conflict');
    return this.#write(object);
  }

  async delete(): Promise<boolean> {
    this.written.push('deleted');
    this.lease = null;
    return true;
  }

  /** Resolves when this many writes are in. */
  async writes(count: number): Promise<void> {
    while (this.written.length < count) await new Promise<void>((resolve) => this.#looks.add(resolve));
  }

  #write(object: KubeObject): KubeObject {
    this.#version += 1;
    this.lease = structuredClone(object);
    this.lease.metadata.resourceVersion = String(this.#version);
    const { holderIdentity } = object['spec'] as { holderIdentity: string };
    this.written.push([holderIdentity, ...Object.values(object.metadata.annotations ?? {})].join(' '));
    for (const look of this.#looks) look();
    this.#looks.clear();
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw fail('api-unavailable');
    }
    return structuredClone(this.lease);
  }
}

let store: Store;
let lease: MemberLease;
let now: number | null;
let lapsed: Promise<string>;
beforeEach(() => {
  store = new Store();
  now = null;
  const told = Promise.withResolvers<string>();
  lapsed = told.promise;
  lease = new MemberLease(store, {
    namespace: 'plumb',
    name: 'plumb-agent-a-1',
    holder: 'a/1',
    labels: { 'plumb.dev/member': 'agent' },
    duration: 600,
    renewDeadline: 400,
    renewEvery: 40,
    onLapse: (reason) => told.resolve(reason.message),
    now: () => now ?? performance.now(),
  });
});
afterEach(() => lease.release());

test('is created with its labels and renewed from then on, and tells what it was given with each write', async () => {
  expect(lease.held).toBe(false);
  await lease.take();
  expect(lease.held).toBe(true);
  expect(store.lease?.metadata.labels).toEqual({ 'plumb.dev/member': 'agent' });
  await lease.write({ view: '1 a/1' });
  await store.writes(4);
  expect(store.written).toEqual(['a/1', 'a/1 1 a/1', 'a/1 1 a/1', 'a/1 1 a/1']);
});

test('a write renews: at rest there is one a period', async () => {
  const started = performance.now();
  await lease.take();
  await store.writes(6);
  expect(performance.now() - started).toBeGreaterThan(5 * 40 - 10);
});

test('a write whose answer was lost is read, and gone on from', async () => {
  await lease.take();
  store.losesAnswer = true;
  await expect(lease.write({ view: '1 a/1' })).rejects.toThrow('api-unavailable');
  await lease.write({ view: '2 a/1' });
  expect(lease.held).toBe(true);
  expect(store.written.at(-1)).toBe('a/1 2 a/1');
});

test('what somebody else wrote on it stays', async () => {
  await lease.take();
  Object.assign(store.lease?.metadata ?? {}, { annotations: { theirs: 'kept' }, resourceVersion: 'other' });
  await lease.write({ view: '1 a/1' });
  expect(store.lease?.metadata.annotations).toEqual({ theirs: 'kept', view: '1 a/1' });
});

describe('it lapses', () => {
  test('at its deadline, though the request hangs', async () => {
    await lease.take();
    store.trouble = (signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(fail('api-unavailable'))));
    expect(await lapsed).toContain('could not be renewed in time');
    expect(lease.held).toBe(false);
  });

  test('for a process that was stopped, before anything else is done and though the next write would pass', async () => {
    await lease.take();
    now = performance.now() + 401;
    expect(lease.held).toBe(false);
    await expect(lease.write({ view: '1 a/1' })).rejects.toThrow('is lost');
    expect(await lapsed).toContain('was not renewed in time');
    expect(store.written).toEqual(['a/1']);
  });

  test('when the answer to a renewal comes past the deadline', async () => {
    await lease.take();
    store.trouble = async () => {
      now = performance.now() + 401;
    };
    await expect(lease.write({ view: '1 a/1' })).rejects.toThrow('is lost');
    expect(lease.held).toBe(false);
  });

  test.each<{ what: string; change: () => void; says: string }>([
    { what: 'somebody deletes it', change: () => (store.lease = null), says: 'somebody deleted it' },
    {
      what: 'somebody takes it',
      change: () => {
        if (store.lease === null) return;
        Object.assign(store.lease['spec'] as object, { holderIdentity: 'b/1' });
        store.lease.metadata.resourceVersion = 'other';
      },
      says: "'b/1' holds it",
    },
  ])('when $what', async ({ change, says }) => {
    await lease.take();
    change();
    expect(await lapsed).toContain(says);
    expect(lease.held).toBe(false);
  });

  test('once: nothing brings it back', async () => {
    await lease.take();
    now = performance.now() + 401;
    await expect(lease.write({})).rejects.toThrow('is lost');
    now = null;
    expect(lease.held).toBe(false);
    await expect(lease.write({})).rejects.toThrow('is lost');
  });
});

test('a release says farewell before it deletes', async () => {
  await lease.take();
  await lease.release();
  expect(store.written).toEqual(['a/1', '', 'deleted']);
  expect(lease.held).toBe(false);
});
