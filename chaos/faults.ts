import type { FaultMix } from '@plumb/testkit';

/** Everything that can go wrong between agent and API server, all at once. */
export const STORM = {
  delay: 0.08,
  'cut-before': 0.03,
  'cut-midway': 0.03,
  'cut-after': 0.03,
  gone: 0.03,
  conflict: 0.04,
  throttled: 0.01,
  refused: 0.03,
  'error-500': 0.05,
  'unavailable-503': 0.05,
  truncated: 0.04,
  'stale-list': 0.1,
  'drop-event': 0.06,
  'gone-event': 0.02,
  'close-watch': 0.02,
  'mute-watch': 0.005,
} as const satisfies FaultMix;

type Fault = keyof typeof STORM;
export const FAULTS = Object.keys(STORM) as Fault[];
