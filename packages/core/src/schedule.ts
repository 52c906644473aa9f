import { jitter } from './backoff.ts';

/** Flux's floor of spec.timeout when it is left out, and what is taken off the interval, in milliseconds. */
const TIMEOUT_FLOOR = 30_000;
const TIMEOUT_MARGIN = 30_000;

/** The cadence of a unit as its spec declares it; milliseconds. */
export interface Cadence {
  interval: number;
  retryInterval?: number;
  timeout?: number;
}

/** The cadence with Flux's defaults filled in; milliseconds. */
export function cadenceOf(declared: Cadence): Required<Cadence> {
  const { interval } = declared;
  return {
    interval,
    retryInterval: declared.retryInterval ?? interval,
    timeout: declared.timeout ?? Math.max(interval - TIMEOUT_MARGIN, TIMEOUT_FLOOR),
  };
}

/** How a unit's last run ended, and when; milliseconds since the epoch. */
export interface LastRun {
  at: number;
  outcome: 'succeeded' | 'failed' | 'awaits' | 'stalled';
}

export interface WakeOptions {
  /** Milliseconds after which a missing dependency or artifact is looked at again (--requeue-dependency). */
  dependencyInterval: number;
  jitterPercent: number;
  /** In [0, 1). */
  random: number;
}

/**
 * When a unit runs next without anything happening, in milliseconds since the epoch: at its interval (with jitter), at its
 * retry interval after a failure, soon after a missing dependency; null when only a change of the object can help. A unit
 * that never ran is due at once, which is 0.
 */
export function nextWake(cadence: Cadence, last: LastRun | null, options: WakeOptions): number | null {
  if (last === null) return 0;
  const { interval, retryInterval } = cadenceOf(cadence);
  switch (last.outcome) {
    case 'succeeded':
      return last.at + jitter(interval, options.jitterPercent, options.random);
    case 'failed':
      return last.at + retryInterval;
    case 'awaits':
      return last.at + options.dependencyInterval;
    case 'stalled':
      return null;
  }
}
