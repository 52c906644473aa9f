/** Flux's retry bounds in milliseconds (controller flags --min-retry-delay and --max-retry-delay). */
export const MIN_RETRY_DELAY = 750;
export const MAX_RETRY_DELAY = 15 * 60_000;

export interface BackoffLimits {
  /** Milliseconds of the first ceiling. */
  min: number;
  /** Milliseconds no delay goes beyond. */
  max: number;
}

const LIMITS: BackoffLimits = { min: MIN_RETRY_DELAY, max: MAX_RETRY_DELAY };

/**
 * Milliseconds to wait before the next try: exponential with full jitter, a random share of min·2^failures up to max, and
 * never below `min` / 2, so that a lucky draw is no busy loop.
 * @param failures failures in a row so far, 1 after the first
 * @param random in [0, 1)
 */
export function backoffDelay(failures: number, random: number, limits: BackoffLimits = LIMITS): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 52);
  const ceiling = Math.min(limits.min * 2 ** doublings, limits.max);
  return Math.max(Math.round(ceiling * random), Math.min(limits.min / 2, limits.max));
}

/**
 * Spreads an interval evenly over ±`percent` of itself, so that units of one interval do not run at one moment
 * (Flux's --interval-jitter-percentage).
 * @param random in [0, 1)
 */
export function jitter(interval: number, percent: number, random: number): number {
  return Math.round(interval * (1 + (percent / 100) * (2 * random - 1)));
}
