import { FakeClock } from '@plumb/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedQueue, PRIORITY, type Apart } from './queue.ts';

/** A queue whose runs end when the test says so. */
function bench(workers = 1, apart?: Apart) {
  const clock = new FakeClock();
  const begun: string[] = [];
  const open = new Map<string, () => void>();
  const doubled: string[] = [];
  const handler = (key: string): Promise<void> => {
    begun.push(key);
    if (open.has(key)) doubled.push(key);
    return new Promise((resolve) => open.set(key, resolve));
  };
  const queue = new KeyedQueue({ workers, clock, handler, ...(apart && { apart }) });
  const end = async (key: string): Promise<void> => {
    const resolve = open.get(key);
    open.delete(key);
    resolve?.();
    await clock.advance(0);
  };
  return { clock, begun, open, doubled, queue, end };
}

test('equal keys merge while they wait', async () => {
  const { queue, begun, end } = bench();
  queue.add('busy');
  for (let count = 0; count < 3; count++) queue.add('a');
  expect(queue.depth).toBe(1);
  await end('busy');
  await end('a');
  expect(begun).toEqual(['busy', 'a']);
});

test('a key added while it runs runs once more, however often it was added', async () => {
  const { queue, begun, end } = bench(2);
  queue.add('a');
  for (let count = 0; count < 3; count++) queue.add('a');
  expect(begun).toEqual(['a']);
  await end('a');
  expect(begun).toEqual(['a', 'a']);
  await end('a');
  expect(begun).toEqual(['a', 'a']);
});

test('drift goes before requests, requests before routine; a higher wish lifts a waiting key', async () => {
  const { queue, begun, end } = bench();
  queue.add('busy');
  queue.add('routine');
  queue.add('lifted');
  queue.add('request', PRIORITY.request);
  queue.add('drift', PRIORITY.drift);
  queue.add('lifted', PRIORITY.drift);
  queue.add('drift', PRIORITY.routine);
  for (const key of ['busy', 'drift', 'lifted', 'request', 'routine']) await end(key);
  expect(begun).toEqual(['busy', 'drift', 'lifted', 'request', 'routine']);
});

describe('a delayed key', () => {
  test('comes at its time, and the earliest time asked for counts', async () => {
    const { queue, begun, clock } = bench();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 300);
    queue.addAfter('a', 500);
    await clock.advance(299);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });

  test('is not run again later when it was added meanwhile', async () => {
    const { queue, begun, clock, end } = bench();
    queue.addAfter('a', 300);
    queue.add('a');
    await end('a');
    await clock.advance(1_000);
    expect(begun).toEqual(['a']);
  });

  test('can be forgotten', async () => {
    const { queue, begun, clock } = bench();
    queue.addAfter('a', 300);
    queue.forget('a');
    await clock.advance(1_000);
    expect(begun).toEqual([]);
  });
});

test('age tells how long the oldest ready key has waited', async () => {
  const { queue, clock, end } = bench();
  queue.add('busy');
  queue.add('first');
  await clock.advance(700);
  queue.add('second', PRIORITY.drift);
  await clock.advance(300);
  expect(queue.age).toBe(1_000);
  await end('busy');
  expect(queue.age).toBe(1_000);
  await end('second');
  expect(queue.age).toBe(0);
});

test('close takes no more keys and resolves when the running ones have ended', async () => {
  const { queue, begun, clock, end } = bench();
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 10);
  let closed = false;
  const closing = queue.close().then(() => (closed = true));
  queue.add('d');
  await clock.advance(1_000);
  expect(closed).toBe(false);
  await end('a');
  await closing;
  expect(begun).toEqual(['a']);
});

const KEYS = ['a', 'b', 'c'] as const;
const key = fc.constantFrom(...KEYS);
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key, priority: fc.constantFrom(0 as const, 1 as const, 2 as const) }),
  fc.record({ do: fc.constant('after' as const), key, ms: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ do: fc.constant('forget' as const), key }),
  fc.record({ do: fc.constant('end' as const), key }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }),
);

test('whatever happens, no key runs twice at once and none that was added is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (steps, workers) => {
      const { queue, clock, begun, open, doubled, end } = bench(workers);
      /** For each key that must still run: how many runs had begun when it was added last. */
      const owed = new Map<string, number>();
      const owe = (name: string): unknown => owed.set(name, begun.filter((run) => run === name).length);
      for (const one of steps) {
        if (one.do === 'add') owe(one.key);
        if (one.do === 'after') owe(one.key);
        if (one.do === 'add') queue.add(one.key, one.priority);
        if (one.do === 'after') queue.addAfter(one.key, one.ms);
        if (one.do === 'forget') queue.forget(one.key);
        if (one.do === 'forget') owed.delete(one.key);
        if (one.do === 'end') await end(one.key);
        if (one.do === 'wait') await clock.advance(one.ms);
        expect(open.size).toBeLessThanOrEqual(workers);
      }
      await clock.advance(100);
      for (let round = 0; round < 10 && open.size > 0; round++) for (const name of open.keys()) await end(name);
      expect(open.size).toBe(0);
      expect(queue.depth).toBe(0);
      expect(doubled).toEqual([]);
      for (const [name, before] of owed) expect(begun.filter((run) => run === name).length).toBeGreaterThan(before);
    }),
    { numRuns: 300 },
  );
});

describe('keys that are worked on apart', () => {
  /** `far:a` goes in the lane `far`, `a` with all others. */
  const laneOf = (key: string): string => (key.includes(':') ? (key.split(':')[0] ?? '') : '');
  const apart = { laneOf, each: 2, most: 3 };

  test('hold up nobody else, and no other lane, however many there are', () => {
    const { queue, begun } = bench(1, apart);
    for (const name of ['a', 'b', 'c', 'd']) queue.add(`hung:${name}`);
    queue.add('near');
    queue.add('far:a');
    expect(begun).toEqual(['hung:a', 'hung:b', 'near', 'far:a']);
    expect(queue.depth).toBe(2);
  });

  test('share their workers: who waits for one of any lane gets the one that is free', async () => {
    const { queue, begun, end } = bench(1, apart);
    for (const key of ['one:a', 'one:b', 'two:a', 'two:b', 'three:a']) queue.add(key);
    expect(begun).toEqual(['one:a', 'one:b', 'two:a']);
    await end('one:b');
    expect(begun.slice(3)).toEqual(['two:b']);
    await end('two:b');
    expect(begun.slice(4)).toEqual(['three:a']);
    expect(queue.age).toBe(0);
  });

  test('go by priority within their lane, and wait where they belong now', async () => {
    let moved = false;
    const { queue, begun, end } = bench(1, { laneOf: (key) => (moved ? '' : laneOf(key)), each: 1, most: 9 });
    queue.add('near');
    for (const key of ['far:a', 'far:b', 'far:c']) queue.add(key);
    queue.add('far:c', PRIORITY.drift);
    await end('far:a');
    expect(begun.slice(2)).toEqual(['far:c']);
    moved = true;
    queue.add('far:b');
    await end('near');
    expect(begun.slice(3)).toEqual(['far:b']);
  });

  test('are counted among what waits, and end with the queue', async () => {
    const { queue, clock, end } = bench(1, { laneOf, each: 1, most: 1 });
    for (const key of ['far:a', 'far:b', 'away:a']) queue.add(key);
    await clock.advance(5_000);
    expect([queue.depth, queue.age]).toEqual([2, 5_000]);
    queue.forget('far:b');
    const closed = queue.close();
    await end('far:a');
    await closed;
    expect(queue.depth).toBe(0);
  });
});
