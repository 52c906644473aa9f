import { FakeClock } from '@plumb/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Cache } from './cache.ts';

interface Thing {
  name: string;
  expiresAt: number;
}

const HOUR = 3_600_000;
let clock: FakeClock;
let cache: Cache<Thing>;
/** How far somebody has set the time of day. */
let set: number;
let made: number;
let fails: boolean;
beforeEach(() => {
  clock = new FakeClock(0);
  set = 0;
  cache = new Cache(
    () => clock.now(),
    () => clock.now() + set,
  );
  made = 0;
  fails = false;
});

const make = async (): Promise<Thing> => {
  await Promise.resolve();
  made += 1;
  if (fails) throw new Error(`try ${made}`);
  return { name: `thing ${made}`, expiresAt: clock.now() + set + HOUR };
};
const get = async (): Promise<string> => (await cache.get('key', make)).name;

test('many who ask at once share one exchange', async () => {
  expect(await Promise.all([get(), get(), get()])).toEqual(['thing 1', 'thing 1', 'thing 1']);
  expect(cache.peek('key')?.name).toBe('thing 1');
  expect(made).toBe(1);
});

test('while it is good nobody waits for the next; from a fifth before its end on the next is got', async () => {
  await get();
  await clock.advance(HOUR * 0.79);
  expect(await get()).toBe('thing 1');
  await clock.advance(HOUR * 0.02);
  expect(cache.peek('key')).toBeUndefined();
  expect(await get()).toBe('thing 1');
  await new Promise((resolve) => setImmediate(resolve));
  expect(await get()).toBe('thing 2');
});

test.each([-86_400_000, 86_400_000])('setting the time of day by %d ms lengthens and shortens no life', async (by) => {
  await get();
  set = by;
  await clock.advance(HOUR * 0.79);
  expect(await get()).toBe('thing 1');
  expect(cache.peek('key')?.name).toBe('thing 1');
  await clock.advance(HOUR * 0.21);
  expect(await get()).toBe('thing 2');
});

test('what is over is not given any more', async () => {
  await get();
  await clock.advance(HOUR);
  expect(await get()).toBe('thing 2');
});

test('a failure is shared for some seconds, and costs nothing as long as the old one is good', async () => {
  await get();
  fails = true;
  await clock.advance(HOUR * 0.9);
  expect(await get()).toBe('thing 1');
  await new Promise((resolve) => setImmediate(resolve));
  expect(await get()).toBe('thing 1');
  expect(made).toBe(2);
  await clock.advance(HOUR * 0.1);
  await expect(get()).rejects.toThrow('try 3');
  await expect(get()).rejects.toThrow('try 3');
  await clock.advance(5_000);
  await expect(get()).rejects.toThrow('try 4');
});

test('what was refused is forgotten, with all that begins alike', async () => {
  await cache.get('a 1', make);
  await cache.get('a 2', make);
  await cache.get('b 1', make);
  cache.forget('a ');
  expect(['a 1', 'a 2', 'b 1'].map((key) => cache.peek(key)?.name)).toEqual([undefined, undefined, 'thing 3']);
});

test('a failure is forgotten too: what is asked for then is another matter', async () => {
  fails = true;
  await expect(get()).rejects.toThrow('try 1');
  cache.forget('key');
  fails = false;
  expect(await get()).toBe('thing 2');
});

test('what is being got when it is forgotten is not kept', async () => {
  const late = get();
  cache.forget('key');
  expect(await Promise.all([late, get()])).toEqual(['thing 1', 'thing 2']);
  expect(await get()).toBe('thing 2');
});

test('what nobody asks for does not pile up', async () => {
  for (let i = 0; i < 2_500; i += 1) await cache.get(`old ${i}`, make);
  await clock.advance(HOUR);
  for (let i = 0; i < 10; i += 1) await cache.get(`new ${i}`, make);
  expect(cache.size).toBeLessThan(2_100);
});
