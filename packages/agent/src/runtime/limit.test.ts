import { expect, test } from 'vitest';
import { Limit } from './limit.ts';

test('never runs more than its number at once, and runs all in order', async () => {
  const limit = new Limit(2);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const task = (index: number) => async (): Promise<number> => {
    started.push(index);
    most = Math.max(most, ++running);
    await Promise.resolve();
    running -= 1;
    if (index === 1) throw new Error('one may fail');
    return index;
  };
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((index) => limit.run(task(index))));
  expect(most).toBe(2);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  expect(results.map((result) => result.status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
});
