import { expect, test } from 'vitest';
import { RequestWindow } from './window.ts';

test('places are given in the order they were asked for', async () => {
  const window = new RequestWindow(1);
  const order: string[] = [];
  await window.acquire();
  const first = window.acquire()?.then(() => order.push('first'));
  const second = window.acquire()?.then(() => order.push('second'));
  window.release();
  await first;
  window.release();
  await second;
  expect(order).toEqual(['first', 'second']);
});

test('a waiter that aborts gives up its turn, and the next one gets it', async () => {
  const window = new RequestWindow(1);
  await window.acquire();
  const stopped = new AbortController();
  const first = window.acquire(stopped.signal);
  const second = window.acquire();
  stopped.abort(new Error('stop'));
  await expect(first).rejects.toThrow('stop');
  window.release();
  await second;
});

test('overload halves it once a second, good answers open it again', () => {
  let now = 0;
  const window = new RequestWindow(32, () => now);
  for (let index = 0; index < 10; index++) window.feedback(5, 429);
  expect(window.limit).toBe(16);
  now = 1_500;
  window.feedback(5, 503);
  expect(window.limit).toBe(8);
  now = 3_000;
  window.feedback(20_000, 200);
  expect(window.limit).toBe(4);
  for (let index = 0; index < 2_000; index++) window.feedback(5, 200);
  expect(window.limit).toBe(32);
});

test('it never closes altogether', () => {
  let now = 0;
  const window = new RequestWindow(4, () => now);
  for (let index = 0; index < 10; index++) {
    now += 2_000;
    window.feedback(5, 429);
  }
  expect(window.limit).toBe(1);
});
