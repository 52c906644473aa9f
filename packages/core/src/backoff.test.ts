import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffDelay, jitter, MAX_RETRY_DELAY, MIN_RETRY_DELAY } from './backoff.ts';

test.each([
  [1, 0.999_999, 750],
  [2, 0.999_999, 1_500],
  [3, 0.5, 1_500],
  [11, 0.999_999, 767_999],
  [12, 0.999_999, 899_999],
  [5_000, 0.999_999, 899_999],
  [1, 0, 375],
  [0, 0, 375],
  [-3, 0.999_999, 750],
])('after %i failures, at %f: %i ms', (failures, random, delay) => {
  expect(backoffDelay(failures, random)).toBe(delay);
});

test('the delay stays within its bounds and its ceiling never falls', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (failures, random) => {
        const delay = backoffDelay(failures, random);
        expect(delay).toBeGreaterThanOrEqual(MIN_RETRY_DELAY / 2);
        expect(delay).toBeLessThanOrEqual(MAX_RETRY_DELAY);
        expect(backoffDelay(failures + 1, random)).toBeGreaterThanOrEqual(delay);
      },
    ),
  );
});

test('a most below the least wins', () => {
  expect(backoffDelay(9, 0.5, { min: 1_000, max: 100 })).toBe(100);
});

test.each([
  [60_000, 5, 0, 57_000],
  [60_000, 5, 0.5, 60_000],
  [60_000, 5, 0.999_999_9, 63_000],
  [60_000, 0, 0.9, 60_000],
])('an interval of %i ms ± %i %% at %f is %i ms', (interval, percent, random, spread) => {
  expect(jitter(interval, percent, random)).toBe(spread);
});
