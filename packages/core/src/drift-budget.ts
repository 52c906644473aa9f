/** Corrections of one object that somebody keeps changing. Plain data; times are milliseconds on one clock. */
export interface DriftSeries {
  /** When the first of them was made. */
  readonly since: number;
  /** When the last of them was made. */
  readonly last: number;
  readonly corrections: number;
}

/** Corrections made as soon as they are needed. */
export const DRIFT_BURST = 5;
/** The pause before the first correction after those; each further one doubles it. */
export const MIN_DRIFT_SPACING = 1_000;
export const MAX_DRIFT_SPACING = 5 * 60_000;
/** An object left alone for this long, and for twice its last pause, starts afresh. */
export const DRIFT_QUIET = 60_000;

/** The pause between the last correction and the next one. */
export function driftSpacing(corrections: number): number {
  if (corrections < DRIFT_BURST) return 0;
  return Math.min(MIN_DRIFT_SPACING * 2 ** Math.min(corrections - DRIFT_BURST, 30), MAX_DRIFT_SPACING);
}

/** When an object that drifted may be put right: a time that is over, or one to wait for. */
export function driftDueAt(series: DriftSeries | undefined, now: number): number {
  return series === undefined || isForgotten(series, now) ? now : series.last + driftSpacing(series.corrections);
}

/** What is remembered once a correction was made at `now`. */
export function driftCorrected(series: DriftSeries | undefined, now: number): DriftSeries {
  if (series === undefined || isForgotten(series, now)) return { since: now, last: now, corrections: 1 };
  return { since: series.since, last: now, corrections: series.corrections + 1 };
}

/** Whether somebody insists: the correction that came after a pause did not hold either. */
export function isDriftLoop(series: DriftSeries, now: number): boolean {
  return series.corrections > DRIFT_BURST && !isForgotten(series, now);
}

/** Whether the object was left alone for long enough. A clock that went back forgets too, rather than waiting for it to catch up. */
export function isForgotten({ last, corrections }: DriftSeries, now: number): boolean {
  return now < last || now - last >= Math.max(DRIFT_QUIET, 2 * driftSpacing(corrections));
}
