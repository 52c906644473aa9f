import type { ReleaseSnapshot } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { snapshotWith } from '../testing/release-facts.ts';
import {
  adoptSnapshot,
  fallbacksIn,
  fullReleaseName,
  hasFailedTest,
  latestSnapshot,
  newestSnapshots,
  previousSnapshot,
  recordSnapshot,
  truncateHistory,
  versionedChartName,
  wasTested,
} from './history.ts';

const FAILED_TEST = { smoke: { phase: 'Failed' }, other: { phase: 'Succeeded' } };

/** `3 failed`, `2 superseded tests`: number, status, and whether its tests failed. */
function historyOf(...lines: string[]): ReleaseSnapshot[] {
  return lines.map((line) => {
    const [version, status = '', tests] = line.split(' ');
    return snapshotWith(Number(version), { status, ...(tests === undefined ? {} : { testHooks: FAILED_TEST }) });
  });
}

const versions = (history: readonly ReleaseSnapshot[]): number[] => history.map(({ version }) => version);

describe('a rollback goes to', () => {
  test.each<[what: string, history: ReleaseSnapshot[], ignore: boolean, version: number | undefined]>([
    ['the release before', historyOf('2 failed', '1 deployed'), false, 1],
    ['the newest good one, in whatever order they are', historyOf('1 superseded', '3 failed', '2 deployed'), false, 2],
    ['one before those that failed', historyOf('4 failed', '3 failed', '2 superseded', '1 superseded'), false, 2],
    ['none that failed its tests', historyOf('3 failed', '2 deployed tests', '1 superseded'), false, 1],
    ['one that failed its tests, where these are ignored', historyOf('3 failed', '2 deployed tests'), true, 2],
    ['never the latest itself', historyOf('2 deployed'), false, undefined],
    ['nothing that was uninstalled', historyOf('2 failed', '1 uninstalled'), false, undefined],
    ['nothing without history', [], false, undefined],
  ])('%s', (_what, history, ignore, version) => {
    expect(previousSnapshot(history, ignore)?.version).toBe(version);
  });
});

describe('truncated, a history', () => {
  test.each<[what: string, history: ReleaseSnapshot[], ignore: boolean, left: number[]]>([
    ['ends with what a rollback goes to', historyOf('1 superseded', '4 failed', '3 superseded'), false, [4, 3]],
    ['keeps failures before that', historyOf('4 failed', '3 failed', '2 superseded', '1 superseded'), false, [4, 3, 2]],
    ['goes past failed tests', historyOf('3 deployed', '2 superseded tests', '1 superseded'), false, [3, 2, 1]],
    ['stops at ignored ones', historyOf('3 deployed', '2 superseded tests', '1 superseded'), true, [3, 2]],
    ['of one stays', historyOf('1 failed'), false, [1]],
    [
      'without such a release keeps five',
      historyOf('7 failed', '6 failed', '5 failed', '4 failed', '3 failed', '2 failed', '1 failed'),
      false,
      [7, 6, 5, 4, 3],
    ],
  ])('%s', (_what, history, ignore, left) => {
    expect(versions(truncateHistory(history, ignore))).toEqual(left);
  });

  test('for RetryOnFailure keeps five, whatever they are', () => {
    const history = historyOf('1 deployed', '2 failed', '3 failed', '4 failed', '5 failed', '6 failed');
    expect(versions(newestSnapshots(history))).toEqual([6, 5, 4, 3, 2]);
  });
});

describe('a snapshot', () => {
  test('is added as the newest', () => {
    expect(versions(recordSnapshot(historyOf('1 deployed'), snapshotWith(2)))).toEqual([2, 1]);
    expect(versions(recordSnapshot(undefined, snapshotWith(1)))).toEqual([1]);
  });

  test('takes the place of an earlier one of its record, and keeps what it does not say', () => {
    const before = snapshotWith(1, { action: 'install', ociDigest: 'sha256:oci', testHooks: FAILED_TEST });
    const [latest, after] = recordSnapshot([snapshotWith(2), before], snapshotWith(1, { status: 'superseded' }));
    expect(latest?.version).toBe(2);
    expect(after).toEqual({ ...before, status: 'superseded', digest: 'sha256:v1-superseded' });
  });

  test('of another release of the same number is another one', () => {
    expect(recordSnapshot([snapshotWith(1)], snapshotWith(1, { name: 'basket' }))).toHaveLength(2);
  });

  test('that is taken over drops newer ones, and what an older one of its number said', () => {
    const stale = snapshotWith(2, { action: 'upgrade', testHooks: FAILED_TEST });
    const history = [snapshotWith(3), stale, snapshotWith(1)];
    expect(adoptSnapshot(history, snapshotWith(2))).toEqual([snapshotWith(2), snapshotWith(1)]);
  });

  test('that is taken over in its own place keeps what it does not say', () => {
    const before = snapshotWith(2, { action: 'upgrade' });
    const after = adoptSnapshot([before, snapshotWith(1)], snapshotWith(2, { status: 'failed' }));
    expect(after[0]).toMatchObject({ action: 'upgrade', status: 'failed' });
    expect(versions(after)).toEqual([2, 1]);
  });

  test('says whether tests were run, and how', () => {
    expect(wasTested(undefined)).toBe(false);
    expect(wasTested(snapshotWith(1))).toBe(false);
    expect(wasTested(snapshotWith(1, { testHooks: {} }))).toBe(true);
    expect(hasFailedTest(snapshotWith(1, { testHooks: {} }))).toBe(false);
    expect(hasFailedTest(snapshotWith(1, { testHooks: FAILED_TEST }))).toBe(true);
  });

  test('is called as in the messages of Flux', () => {
    expect(fullReleaseName(snapshotWith(3))).toBe('shop/cart.v3');
    expect(versionedChartName(snapshotWith(3))).toBe('cart@1.2.3');
  });
});

test('the latest is the one of the highest number', () => {
  expect(latestSnapshot(historyOf('9 failed', '10 deployed'))?.version).toBe(10);
  expect(latestSnapshot(undefined)).toBeUndefined();
});

describe('a rollback whose target is not there may fall back to', () => {
  const records = ['superseded', 'superseded', 'failed', 'deployed', 'superseded', 'failed'].map((status, index) => ({
    version: index + 1,
    status,
  }));
  test.each<[what: string, history: readonly ReleaseSnapshot[], expected: (string | number)[]]>([
    ['what was in force, the newest first, where nothing is known', [], [5, 4, 2, 1]],
    [
      'one that the history names, as long as it is as it was',
      [snapshotWith(5, { status: 'superseded' })],
      ['sha256:v5-superseded', 4, 2, 1],
    ],
    ['none that the history says to have failed', [snapshotWith(5, { status: 'failed' })], [4, 2, 1]],
    ['none whose tests failed', [snapshotWith(5, { testHooks: FAILED_TEST })], [4, 2, 1]],
  ])('%s', (_what, history, expected) => {
    const found = fallbacksIn(records, { version: 6 }, history, false);
    expect(found.map(({ version, digest }) => digest ?? version)).toEqual(expected);
  });

  test('one whose tests failed, where that is to be ignored', () => {
    const history = [snapshotWith(5, { testHooks: FAILED_TEST })];
    expect(fallbacksIn(records, { version: 6 }, history, true)[0]?.version).toBe(5);
  });
});
