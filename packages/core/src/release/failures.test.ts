import type { HelmRelease, HelmReleaseStatus } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { factsWith, releaseWith } from '../testing/release-facts.ts';
import type { ReleaseFacts } from './facts.ts';
import {
  countFailure,
  ignoresTestFailures,
  isExhausted,
  NO_FAILURES,
  resetReason,
  resumeDelay,
  resumesOf,
  testFailuresCount,
} from './failures.ts';
import type { ReleaseFailure } from './failures.ts';

const RETRY = { strategy: { name: 'RetryOnFailure' as const } };

describe('a failure counts', () => {
  const tested = (action: 'install' | 'upgrade'): HelmReleaseStatus => ({ lastAttemptedReleaseAction: action });
  const ignoring = { test: { enable: true, ignoreFailures: true } };

  test.each<[what: string, failure: ReleaseFailure, release: HelmRelease, counted: object]>([
    ['of an install', { action: 'install', stored: true }, releaseWith(), { installFailures: 1 }],
    ['of an upgrade', { action: 'upgrade', stored: true }, releaseWith(), { upgradeFailures: 1 }],
    ['of an upgrade without a record, only by itself', { action: 'upgrade', stored: false }, releaseWith(), {}],
    [
      'of a test, for the install',
      { action: 'test', stored: true },
      releaseWith({}, tested('install')),
      { installFailures: 1 },
    ],
    [
      'of a test, for the upgrade',
      { action: 'test', stored: true },
      releaseWith({}, tested('upgrade')),
      { upgradeFailures: 1 },
    ],
    [
      'of a test that did not run, only by itself',
      { action: 'test', stored: false },
      releaseWith({}, tested('upgrade')),
      {},
    ],
    [
      'of an ignored test, only by itself',
      { action: 'test', stored: true },
      releaseWith(ignoring, tested('upgrade')),
      {},
    ],
    ['of a test of a release of others, only by itself', { action: 'test', stored: true }, releaseWith(), {}],
    ['of a rollback, only by itself', { action: 'rollback', stored: true }, releaseWith({}, tested('upgrade')), {}],
    ['of an unlock, only by itself', { action: 'unlock', stored: true }, releaseWith(), {}],
  ])('%s', (_what, failure, release, counted) => {
    expect(countFailure(release, failure)).toEqual({ ...NO_FAILURES, failures: 1, ...counted });
  });

  test('on top of those before', () => {
    const release = releaseWith({}, { failures: 4, installFailures: 1, upgradeFailures: 2 });
    const after = countFailure(release, { action: 'upgrade', stored: true });
    expect(after).toEqual({ failures: 5, installFailures: 1, upgradeFailures: 3 });
  });

  test('of a correction of drift for nothing: what is released is as declared', () => {
    const counters = { failures: 2, installFailures: 0, upgradeFailures: 1 };
    expect(countFailure(releaseWith({}, counters), { action: 'correct', stored: false })).toEqual(counters);
  });
});

describe('retries are spent', () => {
  test.each<[retries: number | undefined, failures: number, spent: boolean]>([
    [undefined, 0, false],
    [undefined, 1, true],
    [2, 2, false],
    [2, 3, true],
    [-1, 1_000, false],
  ])('with retries %s after %i failures: %s', (retries, failures, spent) => {
    const remediation = retries === undefined ? {} : { retries };
    const release = releaseWith(
      { install: { remediation }, upgrade: { remediation } },
      { installFailures: failures, upgradeFailures: failures },
    );
    expect(isExhausted(release, 'install')).toBe(spent);
    expect(isExhausted(release, 'upgrade')).toBe(spent);
  });

  test('each for its own action, and never under RetryOnFailure', () => {
    const status = { installFailures: 9, upgradeFailures: 9 };
    expect(isExhausted(releaseWith({}, { upgradeFailures: 9 }), 'install')).toBe(false);
    expect(isExhausted(releaseWith({ install: RETRY }, status), 'install')).toBe(false);
    expect(isExhausted(releaseWith({ install: RETRY }, status), 'upgrade')).toBe(true);
  });
});

describe('counters start afresh', () => {
  const spent = { lastAttemptedReleaseAction: 'upgrade' as const, upgradeFailures: 1 };

  test.each<[what: string, facts: Partial<ReleaseFacts>, reason: string | null]>([
    ['not without a reason', {}, null],
    [
      'with another generation',
      { release: releaseWith({}, { lastAttemptedGeneration: 1 }) },
      'generation differs from last attempt',
    ],
    [
      'with another chart version',
      { release: releaseWith({}, { lastAttemptedRevision: '1.2.2' }) },
      'chart version differs from last attempt',
    ],
    [
      'with other values',
      { release: releaseWith({}, { lastAttemptedConfigDigest: 'sha256:other' }) },
      'values differ from last attempt',
    ],
    ['not where no values were noted yet', { release: releaseWith({}, { lastAttemptedConfigDigest: '' }) }, null],
    ['on request', { resetRequested: true }, 'reset requested through annotation'],
    ['not by force', { forceRequested: true }, null],
    [
      'when something changed after retries were spent',
      { release: releaseWith({}, spent), changedSinceExhausted: true },
      'what the release depends on changed since its retries were spent',
    ],
    ['not when something changed before they were', { changedSinceExhausted: true }, null],
  ])('%s', (_what, facts, reason) => {
    expect(resetReason(factsWith(facts))).toBe(reason);
  });
});

test.each([
  [0, 5],
  [1, 10],
  [2, 20],
  [3, 40],
  [4, 60],
  [1_000_000, 60],
])('after %i tries beyond its retries a release is tried again in %i minutes', (resumes, minutes) => {
  expect(resumeDelay(resumes)).toBe(minutes * 60_000);
});

test('tries beyond the retries are those that failed too many', () => {
  const release = (upgradeFailures: number) =>
    releaseWith({ upgrade: { remediation: { retries: 2 } } }, { upgradeFailures });
  expect([0, 3, 4, 6].map((failures) => resumesOf(release(failures), 'upgrade'))).toEqual([0, 0, 1, 3]);
});

test('failed tests count where tests are on, not ignored, and something was tried', () => {
  const test_ = { enable: true };
  const tried = { lastAttemptedReleaseAction: 'upgrade' as const };
  expect(testFailuresCount(releaseWith({ test: test_ }, tried))).toBe(true);
  expect(testFailuresCount(releaseWith({ test: test_ }))).toBe(false);
  expect(testFailuresCount(releaseWith({}, tried))).toBe(false);
  const ignoring = { test: test_, upgrade: { remediation: { ignoreTestFailures: true } } };
  expect(testFailuresCount(releaseWith(ignoring, tried))).toBe(false);
  expect(ignoresTestFailures(releaseWith(ignoring, tried))).toBe(true);
  expect(ignoresTestFailures(releaseWith({ test: { ignoreFailures: true } }))).toBe(true);
  expect(ignoresTestFailures(releaseWith())).toBe(false);
});
