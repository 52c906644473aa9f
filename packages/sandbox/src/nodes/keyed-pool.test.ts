import { systemError } from '@plumb/api';
import { describe, expect, test, vi } from 'vitest';

import { KeyedPool } from './keyed-pool.ts';

/** A pool whose handlers end when told to. */
function controlled(width: number): { pool: KeyedPool; started: string[]; end: (key: string) => Promise<void> } {
  const started: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const handle = (key: string): Promise<void> => {
    started.push(key);
    const gate = Promise.withResolvers<void>();
    gates.set(key, gate);
    return gate.promise;
  };
  const pool = new KeyedPool({ width, handle, onError: () => undefined });
  const end = async (key: string): Promise<void> => {
    gates.get(key)?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { pool, started, end };
}

describe('KeyedPool', () => {
  test('runs no key twice at once, and once more when it was added meanwhile, however often', async () => {
    const { pool, started, end } = controlled(4);
    for (const key of ['a', 'a', 'a']) pool.add(key);
    expect(started).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
  });

  test('keeps to its width, first come first served', async () => {
    const { pool, started, end } = controlled(2);
    for (const key of ['a', 'b', 'c', 'd']) pool.add(key);
    expect(started).toEqual(['a', 'b']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
  });

  test('tries again after a failure that may pass, not after a conflict', async () => {
    vi.useFakeTimers();
    const seen: string[] = [];
    const errors: string[] = [];
    const handle = (key: string): Promise<void> => {
      seen.push(key);
      return Promise.reject(systemError(key === 'busy' ? 'api-unavailable' : 'api-conflict', key));
    };
    const pool = new KeyedPool({ width: 2, handle, onError: (_error, key) => errors.push(key) });
    pool.add('busy');
    pool.add('stale');
    await vi.advanceTimersByTimeAsync(1500);
    expect(seen).toEqual(['busy', 'stale', 'busy']);
    expect(errors).toEqual(['busy', 'busy']);
    await pool.close();
    vi.useRealTimers();
  });

  test('close waits for what runs and starts nothing more', async () => {
    const { pool, started, end } = controlled(1);
    pool.add('a');
    pool.add('b');
    pool.addAfter('c', 0);
    const closed = pool.close();
    await end('a');
    await closed;
    pool.add('d');
    expect(started).toEqual(['a']);
  });
});
