import type { HelmReleaseSpec, HelmReleaseStatus } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { factsWith, lastWith, releaseWith, snapshotWith, WANTED } from '../testing/release-facts.ts';
import type { HelmStatus, LastRelease, ReleaseFacts, WantedRelease } from './facts.ts';
import { interruptionOf, isPending, LOCKED_DOWN, pendingAction, unlockedBy } from './facts.ts';
import { madeWithAt } from './made-with.ts';
import { adoptedStatus, stateOf } from './state.ts';
import type { StateName } from './state.ts';

const of = (spec: Partial<HelmReleaseSpec>, status: HelmReleaseStatus): Partial<ReleaseFacts> => ({
  release: releaseWith(spec, status),
});
const known = { history: [snapshotWith(1)] };
const tests = { test: { enable: true } };
const tried = { lastAttemptedReleaseAction: 'upgrade' as const };
const tested = (phase: string): HelmReleaseStatus => ({
  ...tried,
  history: [snapshotWith(1, { testHooks: { smoke: { phase } } })],
});

describe('a release is', () => {
  test.each<[state: StateName, what: string, facts: Partial<ReleaseFacts>, reason: string]>([
    ['Absent', 'without a record', { last: null }, 'no release in storage for object'],
    [
      'Absent',
      'uninstalled with its history kept',
      { last: lastWith(1, { status: 'uninstalled' }) },
      'found uninstalled release in storage',
    ],
    [
      'Absent',
      'uninstalled before it was ever ours',
      { last: lastWith(1, { status: 'uninstalled' }), ...of({}, { history: [] }) },
      'found uninstalled release in storage',
    ],
    [
      'Locked',
      'under way',
      { last: lastWith(2, { status: 'pending-upgrade' }) },
      "release with status 'pending-upgrade'",
    ],
    [
      'Locked',
      'half uninstalled, where Flux is at its end',
      { last: lastWith(2, { status: 'uninstalling' }) },
      "release with status 'uninstalling'",
    ],
    [
      'Unmanaged',
      'of somebody else',
      { last: lastWith(1, { chartVersion: '9' }), ...of({}, { history: [] }) },
      'found existing release in storage',
    ],
    [
      'Unmanaged',
      'changed by somebody else',
      { last: lastWith(2, { chartVersion: '9' }) },
      'release not observed to be made for object',
    ],
    [
      'Unmanaged',
      'left failed by somebody else',
      { last: lastWith(2, { status: 'failed' }) },
      'release not observed to be made for object',
    ],
    [
      'Unmanaged',
      'known, though nobody knows what is in force',
      {
        last: lastWith(1, { status: 'superseded' }),
        ...of({}, { history: [snapshotWith(1, { status: 'superseded' })] }),
      },
      "newest release in storage has status 'superseded'",
    ],
    ['OutOfSync', 'of another chart version', { wanted: { ...WANTED, chartVersion: '9' } }, 'release chart changed'],
    [
      'OutOfSync',
      'of a chart of another name that is to be updated in place',
      {
        wanted: { ...WANTED, chartName: 'basket' },
        ...of({ upgrade: { chartNameChangeStrategy: 'InPlaceUpdate' } }, known),
      },
      'release chart changed',
    ],
    [
      'OutOfSync',
      'of other values',
      { wanted: { ...WANTED, configDigest: 'sha256:other' } },
      'release config values changed',
    ],
    [
      'OutOfSync',
      'made with other postRenderers',
      { wanted: { ...WANTED, postRenderersDigest: 'sha256:p' } },
      'postrenderers digest has changed',
    ],
    [
      'OutOfSync',
      'made with other commonMetadata',
      of({}, { ...known, observedCommonMetadataDigest: 'sha256:m' }),
      'common metadata digest has changed',
    ],
    [
      'OutOfSync',
      'made with postRenderers that its record notes, whatever the status says',
      { last: lastWith(1, { madeWith: { postRenderersDigest: 'sha256:p', commonMetadataDigest: '' } }) },
      'postrenderers digest has changed',
    ],
    [
      'OutOfSync',
      'as declared, though nobody knows that it came through the gates that govern it',
      { doubted: true, ...of(tests, { ...tried, ...known }) },
      'the record of the release is not what was brought in',
    ],
    [
      'Unmanaged',
      'made by others as it is declared, and not through the gates that govern it',
      { last: lastWith(2), doubted: true },
      'release not observed to be made for object',
    ],
    ['Untested', 'with tests that were not run', of(tests, { ...tried, ...known }), ''],
    ['InSync', 'with tests that passed', of(tests, tested('Succeeded')), ''],
    ['InSync', 'of a chart without tests', of(tests, { history: [snapshotWith(1, { testHooks: {} })] }), ''],
    ['Failed', 'with a failed test', of(tests, tested('Failed')), 'release has test in failed phase'],
    [
      'OutOfSync',
      'of other values, though a test failed',
      { wanted: { ...WANTED, configDigest: 'sha256:other' }, ...of(tests, tested('Failed')) },
      'release config values changed',
    ],
    [
      'InSync',
      'with a failed test that is ignored',
      of({ test: { enable: true, ignoreFailures: true } }, tested('Failed')),
      '',
    ],
    ['InSync', 'with a failed test from when tests were on', of({}, tested('Failed')), ''],
    [
      'Failed',
      'with a failed record',
      { last: lastWith(1, { status: 'failed' }), ...of({}, { history: [snapshotWith(1, { status: 'failed' })] }) },
      '',
    ],
    ['Drifted', 'with objects changed by others', { drifted: 'correct' }, ''],
    ['Drifted', 'with objects changed by others that are to stay', { drifted: 'warn' }, ''],
    ['Untested', 'before it is looked at for drift', { drifted: 'correct', ...of(tests, known) }, ''],
    ['InSync', 'as declared', {}, ''],
    ['Moved', 'of another name', { wanted: { ...WANTED, releaseName: 'basket' } }, 'release name changed'],
    [
      'Moved',
      'of another namespace, whatever is there',
      { last: lastWith(7, { status: 'pending-install' }), ...of({ targetNamespace: 'apps' }, known) },
      'release namespace changed',
    ],
  ])('%s: %s', (name, _what, facts, reason) => {
    expect(stateOf(factsWith(facts))).toEqual({ name, reason, adopt: null });
  });
});

test('a record of ours that is doubted is not taken over', () => {
  const madeWith = { postRenderersDigest: '', commonMetadataDigest: '' };
  const last = lastWith(1, { digest: 'sha256:edited', madeWith });
  expect(stateOf(factsWith({ last })).adopt).toBe('own');
  expect(stateOf(factsWith({ last, doubted: true }))).toMatchObject({ name: 'OutOfSync', adopt: null });
});

describe('a release of others that is as declared is taken over without an upgrade', () => {
  const why = (version: number) => `shop/cart.v${version} is as declared, though made by others: taken over as it is`;

  test.each<[state: StateName, what: string, facts: Partial<ReleaseFacts>, reason: string]>([
    ['InSync', 'installed by helm', { last: lastWith(4), ...of({}, { history: [] }) }, why(4)],
    [
      'InSync',
      'healed by hand after it was given up',
      {
        last: lastWith(3),
        ...of({}, { ...tried, upgradeFailures: 7, history: [snapshotWith(2, { status: 'failed' })] }),
      },
      why(3),
    ],
    ['InSync', 'whose record was written by Flux', { last: lastWith(1, { digest: 'sha256:by-flux' }) }, why(1)],
    [
      'InSync',
      'whose record was written by Flux, with postRenderers that Flux noted',
      {
        last: lastWith(1, { digest: 'sha256:by-flux' }),
        wanted: { ...WANTED, postRenderersDigest: 'sha256:p' },
        ...of({}, { ...known, observedPostRenderersDigest: 'sha256:p' }),
      },
      why(1),
    ],
    ['Untested', 'and is tested then', { last: lastWith(2), ...of(tests, known) }, why(2)],
    ['Drifted', 'and put right then', { last: lastWith(2), drifted: 'correct' }, why(2)],
    [
      'Failed',
      'with the test results of its record',
      { last: lastWith(1, { digest: 'sha256:by-flux' }), ...of(tests, tested('Failed')) },
      `release has test in failed phase; ${why(1)}`,
    ],
  ])('%s: %s', (name, _what, facts, reason) => {
    expect(stateOf(factsWith(facts))).toEqual({ name, reason, adopt: 'foreign' });
  });

  test('but not where it is to go through postRenderers, which helm does not know', () => {
    const facts = factsWith({
      last: lastWith(2),
      wanted: { ...WANTED, postRenderersDigest: 'sha256:p' },
      ...of({}, { ...known, observedPostRenderersDigest: 'sha256:p' }),
    });
    expect(stateOf(facts).name).toBe('Unmanaged');
  });

  test('and the status tells so, without what it said of records that are gone', () => {
    const history = [snapshotWith(9, { status: 'failed' }), snapshotWith(1, { status: 'superseded' })];
    const facts = factsWith({ last: lastWith(2), ...of({}, { history, observedPostRenderersDigest: 'sha256:p' }) });
    expect(adoptedStatus(facts, snapshotWith(2))).toMatchObject({
      history: [{ version: 2 }, { version: 1 }],
      observedPostRenderersDigest: '',
      observedCommonMetadataDigest: '',
    });
  });
});

describe('a record of an action of ours that ended while nobody could note it', () => {
  const noted = { madeWith: { postRenderersDigest: '', commonMetadataDigest: '' } };
  const announced = { history: [snapshotWith(2, { status: 'pending-upgrade' }), snapshotWith(1)] };
  const ended = (status: HelmStatus, parts: Partial<LastRelease> = {}) =>
    factsWith({ last: lastWith(2, { status, ...noted, ...parts }), ...of({}, announced) });

  test.each<[status: HelmStatus, parts: Partial<LastRelease>, name: StateName]>([
    ['deployed', {}, 'InSync'],
    ['failed', {}, 'Failed'],
    ['deployed', { chartVersion: '9' }, 'OutOfSync'],
  ])('%s %j is %s, and known from now on', (status, parts, name) => {
    expect(stateOf(ended(status, parts))).toMatchObject({ name, adopt: 'own' });
  });

  test.each<[what: string, history: NonNullable<HelmReleaseStatus['history']>, last: LastRelease, name: StateName]>([
    ['newer than any that the status names', [snapshotWith(1)], lastWith(2, noted), 'InSync'],
    ['failed, and newer', [snapshotWith(1)], lastWith(2, { ...noted, status: 'failed' }), 'Failed'],
    ['of which the status names nothing', [], lastWith(1, noted), 'InSync'],
    ['with hooks that ran since', [snapshotWith(1)], lastWith(1, { ...noted, digest: 'sha256:tested' }), 'InSync'],
  ])('is ours by what is noted beside it: %s', (_what, history, last, name) => {
    expect(stateOf(factsWith({ last, ...of({}, { history }) }))).toMatchObject({ name, adopt: 'own' });
  });

  test.each<[name: StateName, wanted: Partial<WantedRelease>, adopt: 'foreign' | null]>([
    ['InSync', {}, 'foreign'],
    // The status says this of the release before.
    ['Unmanaged', { postRenderersDigest: 'sha256:p' }, null],
  ])('is %s and not ours where somebody else was faster to store one of its number: %j', (name, wanted, adopt) => {
    const facts = factsWith({
      last: lastWith(2),
      wanted: { ...WANTED, ...wanted },
      ...of({}, { ...announced, observedPostRenderersDigest: 'sha256:p' }),
    });
    expect(stateOf(facts)).toMatchObject({ name, adopt });
    expect(adoptedStatus(facts, snapshotWith(2)).observedPostRenderersDigest).toBe('');
  });

  test('says nothing of what is in force when it failed', () => {
    const before = { observedPostRenderersDigest: 'sha256:p' };
    const facts = ended('failed', { madeWith: { postRenderersDigest: 'sha256:q', commonMetadataDigest: '' } });
    const release = releaseWith({}, { ...facts.release.status, ...before });
    const after = adoptedStatus({ ...facts, release }, snapshotWith(2, { status: 'failed' }));
    expect(after).toMatchObject({ ...before, history: [{ status: 'failed' }, { version: 1 }] });
  });
});

describe('a release that is rolled back to was made with', () => {
  const noted = { postRenderersDigest: 'sha256:p', commonMetadataDigest: 'sha256:m' };
  const status = {
    history: [snapshotWith(3, { status: 'failed' }), snapshotWith(2), snapshotWith(1, { status: 'superseded' })],
    observedPostRenderersDigest: 'sha256:p',
  };

  test('what its record notes', () => {
    expect(madeWithAt(status, { version: 1, madeWith: noted })).toEqual(noted);
  });

  test('what the status says, where it was the one in force', () => {
    const observed = { postRenderersDigest: 'sha256:p', commonMetadataDigest: '' };
    expect(madeWithAt(status, { version: 2, madeWith: null })).toEqual(observed);
  });

  test.each([1, 7])('something that nobody knows otherwise: v%i', (version) => {
    const { postRenderersDigest } = madeWithAt(status, { version, madeWith: null });
    expect(['', 'sha256:p']).not.toContain(postRenderersDigest);
  });
});

test('what is pending is locked, and unlocked with words that say so', () => {
  const pending = ['pending-install', 'pending-upgrade', 'pending-rollback', 'uninstalling'] as const;
  expect(pending.map(isPending)).toEqual([true, true, true, true]);
  expect(pending.map(pendingAction)).toEqual(['install', 'upgrade', 'rollback', 'uninstall']);
  const settled = ['deployed', 'superseded', 'failed', 'uninstalled', 'unknown'] as const;
  expect(settled.some(isPending)).toBe(false);
  expect(settled.map(pendingAction)).toEqual(settled.map(() => undefined));
  expect(unlockedBy('pending-upgrade')).toBe("Release unlocked from stale 'pending-upgrade' state");
  expect(interruptionOf(unlockedBy('pending-install'))).toBe('killed');
  expect(interruptionOf(`Upgrade "cart" failed: it was cut short: ${LOCKED_DOWN}`)).toBe('locked-down');
  expect(interruptionOf('Upgrade complete')).toBeNull();
});
