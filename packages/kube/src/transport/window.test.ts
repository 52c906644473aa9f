import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { PRIORITIES, type Priority } from '../cluster.ts';
import { RequestWindow } from './window.ts';

const STILL = { now: () => 0, random: () => 0.5 };

/** A window of one place that is taken, and those who wait for it, told in the order they get it. */
function queued(priorities: readonly Priority[]): {
  window: RequestWindow;
  order: Priority[];
  next: () => Promise<void>;
} {
  const window = new RequestWindow(1, STILL);
  expect(window.tryEnter('request')).toBe(true);
  const order: Priority[] = [];
  for (const priority of priorities) void window.enter(priority).then(() => order.push(priority));
  let last: Priority = 'request';
  const next = async (): Promise<void> => {
    window.leave(last);
    await setImmediate();
    last = order.at(-1) ?? last;
  };
  return { window, order, next };
}

test('places are given by class, the most urgent first, and within a class in order', async () => {
  const { order, next } = queued(['background', 'request', 'drift', 'emergency', 'drift']);
  for (let turn = 0; turn < 5; turn++) await next();
  expect(order).toEqual(['emergency', 'drift', 'drift', 'request', 'background']);
});

test('the lowest class is never starved: it gets every eighth place while others keep coming', async () => {
  const { order, next } = queued(['background', ...Array.from({ length: 20 }, () => 'drift' as const)]);
  for (let turn = 0; turn < 10; turn++) await next();
  expect(order.filter((priority) => priority === 'background')).toHaveLength(1);
});

test('background work leaves half of the window free', () => {
  const window = new RequestWindow(4, STILL);
  expect(Array.from({ length: 4 }, () => window.tryEnter('background'))).toEqual([true, true, false, false]);
  expect(window.tryEnter('drift')).toBe(true);
});

test('a waiter that aborts gives up its turn, and the next one gets it', async () => {
  const window = new RequestWindow(1, STILL);
  window.tryEnter('request');
  const stopped = new AbortController();
  const first = window.enter('request', stopped.signal);
  const second = window.enter('request');
  stopped.abort(new Error('stop'));
  await expect(first).rejects.toThrow('stop');
  window.leave('request');
  await second;
});

test('what waits is told by class', () => {
  const window = new RequestWindow(1, STILL);
  window.tryEnter('request');
  for (const priority of PRIORITIES) void window.enter(priority);
  void window.enter('background');
  const waiting = { emergency: 1, drift: 1, request: 1, background: 2 };
  expect(window.load).toEqual({ window: 1, inFlight: 1, waiting });
});

describe('while it is held', () => {
  test('nobody gets a place, and those who wait get theirs when the time is over', async () => {
    const window = new RequestWindow(8);
    window.learn({ verb: 'get', sentAt: performance.now(), status: 429, retryAfter: 60 });
    const before = performance.now();
    expect(window.tryEnter('emergency')).toBe(false);
    await window.enter('emergency');
    expect(performance.now() - before).toBeGreaterThanOrEqual(59);
  });

  test('while it is shut nobody gets a place either; opening begins with few', async () => {
    const window = new RequestWindow(64, STILL);
    window.shut();
    const waits = Array.from({ length: 10 }, () => window.enter('request'));
    expect(window.load.inFlight).toBe(0);
    window.open();
    await Promise.all(waits.slice(0, 4));
    expect(window.load).toMatchObject({ window: 4, inFlight: 4, waiting: { request: 6 } });
  });
});
