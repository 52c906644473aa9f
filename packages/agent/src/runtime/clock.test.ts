import { FakeClock } from '@plumb/testkit';
import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { KeyedQueue } from './queue.ts';

afterEach(() => {
  vi.useRealTimers();
});

const HOUR = 3_600_000;

test.each([HOUR, -HOUR])('setting the system clock by %d ms moves what people read, and no interval', (jump) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const before = { now: systemClock.now(), time: systemClock.time() };
  vi.setSystemTime(before.time + jump);
  expect(systemClock.time() - before.time).toBe(jump);
  expect(Math.abs(systemClock.now() - before.now)).toBeLessThan(1_000);
});

test.each([HOUR, -HOUR])('a delayed run comes when it should though the clock was set by %d ms', async (jump) => {
  const clock = new FakeClock();
  const ran: string[] = [];
  const queue = new KeyedQueue({ workers: 1, clock, handler: async (key) => void ran.push(key) });
  queue.addAfter('shop/late', 60_000);
  clock.jump(jump);
  queue.addAfter('shop/late', 30_000);
  await clock.advance(29_000);
  expect(ran).toEqual([]);
  await clock.advance(1_000);
  expect(ran).toEqual(['shop/late']);
  await queue.close();
});
