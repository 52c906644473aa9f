import type { WantedRelease } from '@plumb/core';
import type { Seen } from '../controllers/helmrelease/decide.ts';
import { inputsOf } from '../controllers/helmrelease/decide.ts';
import type { FailedRun, Reconciled } from '../controllers/helmrelease/memory.ts';
import { AT, chartSource, helmRelease } from './builders.ts';
import { MINUTE, saying, SETTINGS } from './seen.ts';

export const WANTED: WantedRelease = {
  releaseName: 'cart',
  chartName: 'cart',
  chartVersion: '1.4.0',
  configDigest: `sha256:${'c'.repeat(64)}`,
  postRenderersDigest: '',
  commonMetadataDigest: '',
};

export function reconciledAt(at: number): Reconciled {
  return { inputs: inputsOf(helmRelease(), chartSource(), []), wanted: WANTED, at };
}

export function failedRun(retryAt: number, parts: Partial<FailedRun> = {}): FailedRun {
  return { said: null, inputs: inputsOf(helmRelease(), chartSource(), []), retryAt, count: 1, ...parts };
}

/** What is seen of a release that came to rest a minute ago, but for what a test says. */
export function seenRelease(parts: Partial<Seen> = {}): Seen {
  const object = 'object' in parts ? parts.object : helmRelease();
  const source = 'source' in parts ? parts.source : chartSource();
  return {
    object,
    now: AT,
    source,
    access: { availability: 'listed', trouble: null },
    inputs: object === undefined ? '' : inputsOf(object, source, []),
    dependency: () => undefined,
    expressions: saying(),
    reconciled: reconciledAt(AT - MINUTE),
    failed: null,
    underway: null,
    isBusy: false,
    hasEnded: false,
    answering: null,
    awaiting: false,
    drifted: 0,
    driftRetryAt: 0,
    isStorageNews: false,
    changed: false,
    interval: 10 * MINUTE,
    settings: SETTINGS,
    ...parts,
  };
}
