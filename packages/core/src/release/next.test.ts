import type { HelmReleaseSpec, HelmReleaseStatus } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { factsWith, lastWith, releaseWith, snapshotWith, WANTED } from '../testing/release-facts.ts';
import type { ActionName, LastRelease, ReleaseFacts } from './facts.ts';
import { nextOf } from './next.ts';
import type { Next } from './next.ts';
import { stateOf } from './state.ts';

const MINUTE = 60_000;

function nextFor(parts: Partial<ReleaseFacts>): Next {
  const facts = factsWith(parts);
  return nextOf(stateOf(facts), facts);
}

/** What is done, in short: `upgrade`, `rollback to v1`, `rest`, `exhausted RetriesExceeded`, `retry-later 300000`. */
function shown(next: Next): string {
  if (next.do === 'act') return next.action === 'rollback' ? `rollback to v${next.to}` : next.action;
  if (next.do === 'exhausted') return `exhausted ${next.reason}`;
  return next.do === 'retry-later' ? `retry-later ${next.after}` : next.do;
}

type Status = Partial<HelmReleaseStatus>;
const of = (spec: Partial<HelmReleaseSpec>, status: Status): Partial<ReleaseFacts> => ({
  release: releaseWith(spec, status),
});

/** A failed v2 over a good v1, after an upgrade failed this often. */
function failed(failures: number, spec: NonNullable<HelmReleaseSpec['upgrade']> = {}, status: Status = {}) {
  return {
    last: lastWith(2, { status: 'failed' as const }),
    target: 'there' as const,
    ...of(
      { upgrade: spec },
      {
        lastAttemptedReleaseAction: 'upgrade',
        upgradeFailures: failures,
        history: [snapshotWith(2, { status: 'failed', action: 'upgrade' }), snapshotWith(1)],
        ...status,
      },
    ),
  };
}

const newer = { wanted: { ...WANTED, chartVersion: '9' } };
const spent = { lastAttemptedReleaseAction: 'upgrade' as const, upgradeFailures: 1, history: [snapshotWith(1)] };

describe('what is done', () => {
  test.each<[what: string, facts: Partial<ReleaseFacts>, does: string]>([
    ['nothing that is as declared', {}, 'rest'],
    ['installs what is absent', { last: null }, 'install'],
    ['upgrades what others made', { last: lastWith(2, { status: 'failed' }) }, 'upgrade'],
    ['upgrades what is not as declared', newer, 'upgrade'],
    ['unlocks what nobody alive holds', { last: lastWith(2, { status: 'pending-upgrade' }) }, 'unlock'],
    ['waits for who works on it', { last: lastWith(2, { status: 'pending-upgrade' }), held: true }, 'wait'],
    ['uninstalls what moved away', { wanted: { ...WANTED, releaseName: 'basket' } }, 'uninstall'],
    ['waits for who works on what moved', { wanted: { ...WANTED, releaseName: 'basket' }, held: true }, 'wait'],
    ['corrects drift', { drifted: 'correct' }, 'correct'],
    ['leaves drift that is only told', { drifted: 'warn' }, 'rest'],
    ['tests', of({ test: { enable: true } }, { history: [snapshotWith(1)] }), 'test'],
    ['upgrades what failed before anything is known of failures', failed(0), 'upgrade'],
    [
      'upgrades what failed and was never tried',
      failed(3, {}, { lastAttemptedReleaseAction: undefined as never }),
      'upgrade',
    ],
  ])('%s', (_what, facts, does) => {
    expect(shown(nextFor(facts))).toBe(does);
  });

  test.each<[what: string, facts: Partial<ReleaseFacts>, does: string]>([
    ['what is as declared', {}, 'upgrade'],
    ['what drifted', { drifted: 'correct' }, 'upgrade'],
    ['what is not tested', of({ test: { enable: true } }, { history: [snapshotWith(1)] }), 'upgrade'],
    ['what failed and was given up', failed(9), 'upgrade'],
    ['what is not as declared and was given up', { ...newer, ...of({}, spent) }, 'upgrade'],
    ['what is absent and was given up', { last: null, ...of({}, { installFailures: 1 }) }, 'install'],
    ['what is done already, once', { done: ['upgrade'] }, 'rest'],
  ])('a forced upgrade of %s: %#', (_what, facts, does) => {
    expect(shown(nextFor({ forceRequested: true, ...facts }))).toBe(does);
  });
});

describe('a failed upgrade', () => {
  const uninstall = { remediation: { strategy: 'uninstall' as const, retries: 2 } };
  const twice = { remediation: { retries: 2 } };
  const tests = { test: { enable: true } };

  test.each<[what: string, facts: Partial<ReleaseFacts>, does: string]>([
    ['is given up without retries', failed(1), 'exhausted RetriesExceeded'],
    ['is rolled back', failed(1, twice), 'rollback to v1'],
    ['is rolled back after the last retry too', failed(3, twice), 'rollback to v1'],
    [
      'is not, where it says so',
      failed(3, { remediation: { retries: 2, remediateLastFailure: false } }),
      'exhausted RetriesExceeded',
    ],
    [
      'is rolled back without retries, where it says so',
      failed(1, { remediation: { remediateLastFailure: true } }),
      'rollback to v1',
    ],
    [
      'that a lockdown ended is tried again, whatever failed before it',
      { ...failed(1, twice), last: lastWith(2, { status: 'failed', interrupted: 'locked-down' }) },
      'upgrade',
    ],
    [
      'that a lockdown ended is no reason to uninstall',
      { ...failed(1, uninstall), last: lastWith(2, { status: 'failed', interrupted: 'locked-down' }) },
      'upgrade',
    ],
    [
      'that a lockdown ended when retries were spent stays given up',
      { ...failed(3, twice), last: lastWith(2, { status: 'failed', interrupted: 'locked-down' }) },
      'exhausted RetriesExceeded',
    ],
    ['is rolled back without end', failed(99, { remediation: { retries: -1 } }), 'rollback to v1'],
    ['is uninstalled, where it says so', failed(1, uninstall), 'uninstall-remediation'],
    [
      'whose tests failed is rolled back',
      {
        last: lastWith(2),
        target: 'there',
        ...of(
          { upgrade: twice, ...tests },
          {
            lastAttemptedReleaseAction: 'upgrade',
            upgradeFailures: 1,
            history: [snapshotWith(2, { testHooks: { a: { phase: 'Failed' } } }), snapshotWith(1, { testHooks: {} })],
          },
        ),
      },
      'rollback to v1',
    ],
  ])('%s', (_what, facts, does) => {
    expect(shown(nextFor(facts))).toBe(does);
  });

  test('is told as Flux tells it', () => {
    expect(nextFor(failed(3, { remediation: { retries: 2, remediateLastFailure: false } }))).toEqual({
      do: 'exhausted',
      reason: 'RetriesExceeded',
      text: 'Failed to upgrade after 3 attempt(s)',
      after: 5 * MINUTE,
    });
  });

  const remedied = (
    action: 'rollback' | 'uninstall-remediation',
    failures: number,
    interrupted: LastRelease['interrupted'] = null,
  ) => ({
    ...failed(failures, twice, {
      history: [
        snapshotWith(3, { status: 'failed', action }),
        snapshotWith(2, { status: 'failed', action: 'upgrade' }),
        snapshotWith(1),
      ],
    }),
    last: lastWith(3, { status: 'failed', interrupted }),
  });

  test.each<[what: string, facts: Partial<ReleaseFacts>, does: string]>([
    ['is tried again, while retries are left', remedied('rollback', 1), 'upgrade'],
    ['is tried again after an uninstall, too', remedied('uninstall-remediation', 1), 'upgrade'],
    ['is given up when none are', remedied('rollback', 3), 'exhausted RetriesExceeded'],
    ['is rolled back after all when it was only cut short', remedied('rollback', 3, 'killed'), 'rollback to v1'],
    ['is rolled back after all when a lockdown ended it', remedied('rollback', 3, 'locked-down'), 'rollback to v1'],
  ])('whose remedy failed %s', (_what, facts, does) => {
    expect(shown(nextFor(facts))).toBe(does);
  });
});

describe('a rollback', () => {
  const once = { remediation: { retries: 1 } };
  const alone = { history: [snapshotWith(2, { status: 'failed', action: 'upgrade' })] };

  test.each<[what: string, facts: Partial<ReleaseFacts>, does: string]>([
    [
      'without a release to go to goes to the newest good one in storage',
      { ...failed(1, once, alone), target: 'none', fallback: 1 },
      'rollback to v1',
    ],
    ['whose target is gone, too', { ...failed(1, once), target: 'missing', fallback: 7 }, 'rollback to v7'],
    ['whose target was changed, too', { ...failed(1, once), target: 'changed', fallback: 7 }, 'rollback to v7'],
    ['whose target is gone for good is an upgrade again', { ...failed(1, once), target: 'missing' }, 'upgrade'],
    [
      'whose target is gone for good is given up after retries',
      { ...failed(2, once), target: 'missing' },
      'exhausted RetriesExceeded',
    ],
    [
      'with nothing to go to is given up',
      { ...failed(1, once, alone), target: 'none' },
      'exhausted MissingRollbackTarget',
    ],
    [
      'with nothing to go to is an upgrade once that is due',
      { ...failed(1, once, alone), target: 'none', sinceLastTry: 5 * MINUTE },
      'upgrade',
    ],
    [
      'with nothing to go to is an upgrade once something changed',
      { ...failed(1, once, alone), target: 'none', changedSinceExhausted: true },
      'upgrade',
    ],
  ])('%s', (_what, facts, does) => {
    expect(shown(nextFor(facts))).toBe(does);
  });

  test('says why it goes elsewhere, and that it cannot', () => {
    expect(nextFor({ ...failed(1, once), target: 'missing', fallback: 7 })).toMatchObject({
      why: 'the release to roll back to is gone from storage: going back to v7, the newest good release in storage',
    });
    expect(nextFor({ ...failed(1, once, alone), target: 'none' })).toMatchObject({
      text: 'Failed to perform remediation: missing target release for rollback: cannot remediate failed release',
      after: 5 * MINUTE,
    });
  });
});

describe('what was given up', () => {
  const uninstalled: Status = {
    lastAttemptedReleaseAction: 'upgrade',
    upgradeFailures: 1,
    history: [snapshotWith(2, { status: 'uninstalled', action: 'uninstall-remediation' })],
  };

  const cases: [what: string, facts: Partial<ReleaseFacts>, again: string][] = [
    ['a failed install', { last: null, ...of({}, { installFailures: 1 }) }, 'install'],
    ['a failed upgrade', failed(1), 'upgrade'],
    ['an upgrade that was rolled back', { ...newer, ...of({}, spent) }, 'upgrade'],
    ['an upgrade whose last remedy uninstalled it', { last: null, ...of({}, uninstalled) }, 'install'],
  ];

  test.each(cases)('stays so for five minutes, then is tried again: %s', (_what, facts, again) => {
    const early = nextFor({ ...facts, sinceLastTry: 5 * MINUTE - 1 });
    expect(early).toMatchObject({ do: 'exhausted', reason: 'RetriesExceeded', after: 1 });
    expect(shown(nextFor({ ...facts, sinceLastTry: 5 * MINUTE }))).toBe(again);
  });

  test.each(cases)('is tried again at once when something changed: %s', (_what, facts, again) => {
    const next = nextFor({ ...facts, changedSinceExhausted: true });
    expect(shown(next)).toBe(again);
    expect(next).toMatchObject({ why: 'what the release depends on changed since it was given up' });
  });

  test('is tried again ever more slowly, up to an hour', () => {
    const pauses = [1, 2, 3, 4, 5, 50].map((failures) => {
      const next = nextFor(failed(failures));
      return next.do === 'exhausted' ? next.after / MINUTE : null;
    });
    expect(pauses).toEqual([5, 10, 20, 40, 60, 60]);
  });

  test('is as declared once somebody put it right, whatever failed before', () => {
    expect(shown(nextFor({ ...failed(9), last: lastWith(3) }))).toBe('rest');
  });

  test('is installed at once when somebody else than a remedy uninstalled it', () => {
    expect(shown(nextFor({ ...failed(9), last: null }))).toBe('install');
  });
});

describe('under RetryOnFailure', () => {
  const retry = { strategy: { name: 'RetryOnFailure' as const, retryInterval: '2m' } };

  test.each<[what: string, parts: Partial<ReleaseFacts>, does: string]>([
    ['waits for its interval', { sinceLastTry: 30_000 }, 'retry-later 90000'],
    ['is tried again after it', { sinceLastTry: 2 * MINUTE }, 'upgrade'],
    ['is tried again when nobody knows how long ago that was', { sinceLastTry: Infinity }, 'upgrade'],
    [
      'waits for all of it after a try in this run',
      { sinceLastTry: Infinity, done: ['upgrade'] },
      'retry-later 120000',
    ],
  ])('a failed upgrade %s', (_what, parts, does) => {
    expect(shown(nextFor({ ...failed(99, retry), ...parts }))).toBe(does);
  });

  test('a failed upgrade whose chart or values changed since is tried at once', () => {
    expect(shown(nextFor({ ...failed(0, retry), sinceLastTry: 0 }))).toBe('upgrade');
  });

  test('a failed install is retried by an upgrade, and one without a record by an install', () => {
    const status: Status = { lastAttemptedReleaseAction: 'install', installFailures: 9 };
    const spec = { install: retry };
    const broken = { last: lastWith(1, { status: 'failed' as const }), sinceLastTry: Infinity };
    const history = [snapshotWith(1, { status: 'failed' })];
    expect(shown(nextFor({ ...broken, ...of(spec, { ...status, history }) }))).toBe('upgrade');
    expect(shown(nextFor({ last: null, ...of(spec, { ...status, history: [] }) }))).toBe('install');
  });
});

describe('a run ends', () => {
  const twice = { remediation: { retries: 2 } };

  test.each<[what: string, facts: Partial<ReleaseFacts>, done: ActionName[], does: string]>([
    ['before it does a thing twice', newer, ['upgrade'], 'retry-later 0'],
    ['after a remedy', { ...newer, ...of({ upgrade: twice }, spent) }, ['upgrade', 'rollback'], 'retry-later 0'],
    [
      'after the remedy of the last failure, given up',
      { ...newer, ...of({}, spent) },
      ['upgrade', 'rollback'],
      'exhausted RetriesExceeded',
    ],
    ['with another try of what was forced', failed(9), ['upgrade'], 'exhausted RetriesExceeded'],
    [
      'when an unlocked release is locked again',
      { last: lastWith(2, { status: 'pending-upgrade' }) },
      ['unlock'],
      'retry-later 0',
    ],
    ['when drift comes back at once', { drifted: 'correct' }, ['correct'], 'retry-later 0'],
    ['when a release is as declared after a remedy', {}, ['upgrade', 'rollback'], 'rest'],
    [
      'before tests of what was rolled back to',
      { ...of({ test: { enable: true } }, spent) },
      ['rollback'],
      'retry-later 0',
    ],
  ])('%s', (_what, facts, done, does) => {
    expect(shown(nextFor({ ...facts, done }))).toBe(does);
  });

  test('not between an upgrade, its tests and a remedy', () => {
    const { test: enable } = { test: { enable: true } };
    const tested = of({ test: enable }, { ...spent, upgradeFailures: 0 });
    expect(shown(nextFor({ ...tested, done: ['unlock', 'upgrade'] }))).toBe('test');
    expect(shown(nextFor({ ...failed(1, twice), done: ['upgrade', 'test'] }))).toBe('rollback to v1');
  });

  test('and what it gave up is due only from then on', () => {
    const next = nextFor({ ...newer, ...of({}, spent), done: ['rollback'], sinceLastTry: Infinity });
    expect(next).toMatchObject({ do: 'exhausted', after: 5 * MINUTE });
  });
});
