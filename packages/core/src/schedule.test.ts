import { expect, test } from 'vitest';
import { cadenceOf, nextWake } from './schedule.ts';

test.each([
  [{ interval: 600_000 }, { interval: 600_000, retryInterval: 600_000, timeout: 570_000 }],
  [{ interval: 60_000 }, { interval: 60_000, retryInterval: 60_000, timeout: 30_000 }],
  [{ interval: 10_000 }, { interval: 10_000, retryInterval: 10_000, timeout: 30_000 }],
  [
    { interval: 600_000, retryInterval: 5_000, timeout: 1_000 },
    { interval: 600_000, retryInterval: 5_000, timeout: 1_000 },
  ],
])('%o is completed as Flux completes it', (declared, expected) => {
  expect(cadenceOf(declared)).toEqual(expected);
});

test.each([
  ['succeeded', 1_000 + 630_000],
  ['failed', 1_000 + 5_000],
  ['awaits', 1_000 + 30_000],
  ['stalled', null],
] as const)('after a run that %s', (outcome, at) => {
  const cadence = { interval: 600_000, retryInterval: 5_000 };
  expect(
    nextWake(cadence, { at: 1_000, outcome }, { dependencyInterval: 30_000, jitterPercent: 5, random: 0.999_999_99 }),
  ).toBe(at);
});

test('a unit that never ran is due at once', () => {
  expect(nextWake({ interval: 1_000 }, null, { dependencyInterval: 1, jitterPercent: 5, random: 0.5 })).toBe(0);
});
