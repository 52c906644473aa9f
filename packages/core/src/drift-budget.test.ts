import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftSeries } from './drift-budget.ts';
import {
  DRIFT_BURST,
  DRIFT_QUIET,
  driftCorrected,
  driftDueAt,
  driftSpacing,
  isDriftLoop,
  MAX_DRIFT_SPACING,
} from './drift-budget.ts';

const START = 1_000_000;

/** Somebody changes the object every `period` ms for `length` ms. @returns when it was put right */
function fight(period: number, length: number): { corrected: number[]; series: DriftSeries | undefined } {
  const corrected: number[] = [];
  let series: DriftSeries | undefined;
  for (let changed = START; changed < START + length; changed += period) {
    const due = Math.max(changed, driftDueAt(series, changed));
    // Changes that come while a correction waits are put right by it.
    if (due >= changed + period) continue;
    series = driftCorrected(series, due);
    corrected.push(due);
  }
  return { corrected, series };
}

describe('the pause before a correction', () => {
  test.each([
    [0, 0],
    [4, 0],
    [5, 1_000],
    [6, 2_000],
    [7, 4_000],
    [13, 256_000],
    [14, 300_000],
    [1_000_000, 300_000],
  ])('after %i corrections it is %i ms', (corrections, spacing) => {
    expect(driftSpacing(corrections)).toBe(spacing);
  });
});

test('five corrections are made at once, the next ones after 1, 2, 4, 8 seconds', () => {
  const { corrected } = fight(20, 16_000);
  const gaps = corrected.map((at, index) => Math.round((at - (corrected[index - 1] ?? START)) / 1_000));
  expect(gaps).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8]);
});

test('somebody insists when the correction after the first pause did not hold', () => {
  const series = (corrections: number): DriftSeries => ({ since: START, last: START, corrections });
  expect(isDriftLoop(series(DRIFT_BURST), START)).toBe(false);
  expect(isDriftLoop(series(DRIFT_BURST + 1), START)).toBe(true);
  expect(isDriftLoop(series(DRIFT_BURST + 1), START + DRIFT_QUIET)).toBe(false);
});

test('an object left alone for a minute starts afresh; one on a long pause, after twice that pause', () => {
  const short: DriftSeries = { since: START, last: START, corrections: 6 };
  expect(driftDueAt(short, START + DRIFT_QUIET)).toBe(START + DRIFT_QUIET);
  expect(driftCorrected(short, START + DRIFT_QUIET)).toMatchObject({ corrections: 1, since: START + DRIFT_QUIET });
  const long: DriftSeries = { since: START, last: START, corrections: 30 };
  expect(driftCorrected(long, START + DRIFT_QUIET)).toMatchObject({ corrections: 31, since: START });
  expect(driftCorrected(long, START + 2 * MAX_DRIFT_SPACING)).toMatchObject({ corrections: 1 });
});

test('a clock that was set back holds no correction', () => {
  const series: DriftSeries = { since: START, last: START, corrections: 50 };
  expect(driftDueAt(series, START - 3_600_000)).toBe(START - 3_600_000);
});

test('however somebody insists, the corrections of an hour are few, and no wait is longer than five minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 5_000 }), (period) => {
      const { corrected } = fight(period, 3_600_000);
      expect(corrected.length).toBeLessThanOrEqual(DRIFT_BURST + 9 + 3_600_000 / MAX_DRIFT_SPACING);
    }),
    { numRuns: 25 },
  );
  fc.assert(
    fc.property(fc.nat(100), fc.nat(1_000_000), (corrections, later) => {
      const now = START + later;
      const due = driftDueAt({ since: START, last: START, corrections }, now);
      expect(due - now).toBeLessThanOrEqual(MAX_DRIFT_SPACING);
    }),
  );
});

test('who comes back after a quiet time is put right at once each time', () => {
  const { corrected } = fight(DRIFT_QUIET, 20 * DRIFT_QUIET);
  expect(corrected).toHaveLength(20);
});
