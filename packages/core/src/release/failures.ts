import type { HelmRelease, HelmReleaseStatus } from '@plumb/api';
import type { ActionName, ReleaseFacts } from './facts.ts';
import { installOptionsOf, testOptionsOf, upgradeOptionsOf } from './options.ts';
import type { RemediationOptions } from './options.ts';

/** The counters of the status. */
export interface FailureCounters {
  readonly failures: number;
  readonly installFailures: number;
  readonly upgradeFailures: number;
}

/** What the counters are at the start, after a reset, and once a release is at rest: as declared, with nothing left to do. */
export const NO_FAILURES: FailureCounters = { failures: 0, installFailures: 0, upgradeFailures: 0 };

export type ReleaseAction = 'install' | 'upgrade';

export function countersOf(status: HelmReleaseStatus | undefined): FailureCounters {
  const { failures = 0, installFailures = 0, upgradeFailures = 0 } = status ?? {};
  return { failures, installFailures, upgradeFailures };
}

/** What follows failures of an action. */
export function remediationOf({ spec }: HelmRelease, action: ReleaseAction): RemediationOptions {
  return action === 'install' ? installOptionsOf(spec).remediation : upgradeOptionsOf(spec).remediation;
}

/** How often an action failed for what is declared now. */
export function failuresOf({ status }: HelmRelease, action: ReleaseAction): number {
  const { installFailures, upgradeFailures } = countersOf(status);
  return action === 'install' ? installFailures : upgradeFailures;
}

/** Whether an action failed more often than its retries allow. Never under RetryOnFailure. */
export function isExhausted(release: HelmRelease, action: ReleaseAction): boolean {
  const { retries, retryInterval } = remediationOf(release, action);
  return retryInterval === null && failuresOf(release, action) > retries;
}

/** How an action failed. */
export interface ReleaseFailure {
  readonly action: ActionName;
  /** Whether it left a mark: a record in Helm's storage; of tests, that any was run. */
  readonly stored: boolean;
}

/**
 * The counters after a failed action. `failures` counts all but those to put drift right, as in Flux: what is released is as declared. Installs and upgrades count for themselves when they left a record, since
 * only then there is something to remedy; a failed test counts for the install or upgrade it tested, unless that is to be ignored.
 */
export function countFailure(release: HelmRelease, failure: ReleaseFailure): FailureCounters {
  const before = countersOf(release.status);
  if (failure.action === 'correct') return before;
  const counters = { ...before, failures: before.failures + 1 };
  const counted = countedFor(release, failure);
  if (counted === 'install') return { ...counters, installFailures: before.installFailures + 1 };
  if (counted === 'upgrade') return { ...counters, upgradeFailures: before.upgradeFailures + 1 };
  return counters;
}

function countedFor(release: HelmRelease, { action, stored }: ReleaseFailure): ReleaseAction | undefined {
  if (!stored) return undefined;
  if (action === 'install' || action === 'upgrade') return action;
  if (action !== 'test') return undefined;
  const tested = release.status?.lastAttemptedReleaseAction;
  return tested === undefined || remediationOf(release, tested).ignoreTestFailures ? undefined : tested;
}

/**
 * Why the counters start afresh, in Flux's words where it has them (internal/action/reset.go): what is declared is no longer what
 * failed, somebody asks for it, or what the release depends on changed after its retries were spent. Null when they stay.
 */
export function resetReason(facts: ReleaseFacts): string | null {
  const { metadata, status = {} } = facts.release;
  const { lastAttemptedGeneration, lastAttemptedRevision, lastAttemptedConfigDigest = '' } = status;
  if (lastAttemptedGeneration !== metadata.generation) return 'generation differs from last attempt';
  if (lastAttemptedRevision !== facts.wanted.chartVersion) return 'chart version differs from last attempt';
  const sameValues = lastAttemptedConfigDigest === '' || lastAttemptedConfigDigest === facts.wanted.configDigest;
  if (!sameValues) return 'values differ from last attempt';
  if (facts.resetRequested) return 'reset requested through annotation';
  const tried = status.lastAttemptedReleaseAction;
  const resumes = facts.changedSinceExhausted && tried !== undefined && isExhausted(facts.release, tried);
  return resumes ? 'what the release depends on changed since its retries were spent' : null;
}

/** Whether failed tests of the newest release count as its failure. Not where nothing was tried yet: then there is nothing to remedy. */
export function testFailuresCount(release: HelmRelease): boolean {
  const tried = release.status?.lastAttemptedReleaseAction;
  return testOptionsOf(release.spec).enable && tried !== undefined && !remediationOf(release, tried).ignoreTestFailures;
}

/** Whether failed tests are no reason against rolling back to a release. */
export function ignoresTestFailures(release: HelmRelease): boolean {
  const tried = release.status?.lastAttemptedReleaseAction;
  return tried === undefined
    ? testOptionsOf(release.spec).ignoreFailures
    : remediationOf(release, tried).ignoreTestFailures;
}

export const MIN_RESUME_DELAY = 5 * 60_000;
export const MAX_RESUME_DELAY = 60 * 60_000;

/**
 * Time after which a release that ran out of retries is tried again by itself: 5 minutes, doubled with each such try that failed, up to an hour.
 * @param resumes tries beyond the retries that failed
 */
export function resumeDelay(resumes: number): number {
  return Math.min(MIN_RESUME_DELAY * 2 ** Math.min(Math.max(resumes, 0), 30), MAX_RESUME_DELAY);
}

/** How many tries beyond its retries failed; the counters say it, so that a restart forgets nothing. */
export function resumesOf(release: HelmRelease, action: ReleaseAction): number {
  return Math.max(failuresOf(release, action) - remediationOf(release, action).retries - 1, 0);
}
