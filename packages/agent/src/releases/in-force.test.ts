import type { HelmRelease, ObjectKey } from '@plumb/api';
import { DRIFT_ANNOTATION, keyId } from '@plumb/api';
import type { Observed } from '@plumb/core';
import type { Bundle } from '@plumb/render';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LiveObjects } from '../delivery/live.ts';
import type { Tolerated } from '../delivery/tolerate.ts';
import { type AppliedRecord, UnitMemory } from '../delivery/unit.ts';
import { helmRelease, snapshot } from '../testing/builders.ts';
import { doubtUnwatched, forgetEnded, forgetOthers, isCurrent, isWatchedOver, stored } from './in-force.ts';
import type { ReleaseRecord } from './record.ts';

const KEY: ObjectKey = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const ID = keyId(KEY);
const SHOWN = snapshot(3, { lastDeployed: '2026-01-01T00:00:00Z' });

const record = (parts: Partial<ReleaseRecord> = {}): ReleaseRecord => ({
  name: 'cart',
  namespace: 'shop',
  version: 3,
  info: { status: 'deployed', last_deployed: '2026-01-01T00:00:00.5Z' },
  ...parts,
});

const bundle = (digest = 'd1'): Bundle =>
  ({
    digest: 'b',
    reads: [],
    warnings: [],
    secrets: [],
    objects: [
      {
        key: KEY,
        digest,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' } },
        ignored: [],
        origin: { path: 'cart/templates/settings.yaml' },
      },
    ],
  }) as unknown as Bundle;

const ignoring = (path: string): HelmRelease =>
  helmRelease({ spec: { driftDetection: { mode: 'enabled', ignore: [{ paths: [path] }] } } });

let unit: UnitMemory;
beforeEach(() => {
  unit = new UnitMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
});

const applied = (desiredDigest = 'd1', parts: Partial<AppliedRecord> = {}): AppliedRecord => ({
  desiredDigest,
  ownedHash: 'h',
  uid: 'u',
  resourceVersion: '1',
  ...parts,
});

describe('what objects are held to', () => {
  test.each([
    ['is that of the record in force', SHOWN, helmRelease(), true],
    ['is not that of another number', { ...SHOWN, version: 4 }, helmRelease(), false],
    ['is not that of a release of another name', { ...SHOWN, name: 'till' }, helmRelease(), false],
    [
      'is not that of one that was made anew since',
      { ...SHOWN, lastDeployed: '2026-01-01T00:00:09Z' },
      helmRelease(),
      false,
    ],
    ['is not what other rules about drift say', SHOWN, ignoring('/data'), false],
  ])('%s', (_what, shown, release, current) => {
    expect(isCurrent(stored(bundle(), record(), helmRelease()), shown, release)).toBe(current);
  });

  test('does not change with what is done about drift', () => {
    const held = stored(bundle(), record(), helmRelease());
    expect(isCurrent(held, SHOWN, helmRelease({ spec: { driftDetection: { mode: 'warn' } } }))).toBe(true);
  });

  const known = { inventory: { entries: [] } };
  test.each<[what: string, release: HelmRelease, manifest: string, watched: boolean]>([
    ['where drift is looked for', helmRelease({ status: known, spec: { driftDetection: { mode: 'warn' } } }), '', true],
    ['where an object may ask for it', helmRelease({ status: known }), `${DRIFT_ANNOTATION}: warn`, true],
    ['where the status does not list it yet', helmRelease(), '', true],
    ['and else not', helmRelease({ status: known }), 'kind: ConfigMap', false],
  ])('has to be known %s', (_what, release, manifest, watched) => {
    expect(isWatchedOver(release, { record: record({ manifest }), metadata: { name: 'x' } })).toBe(watched);
  });

  test('is unknown of an object that something else was applied to, or that is not held any more', () => {
    const other = keyId({ ...KEY, name: 'other' });
    unit.applied.set(ID, applied());
    unit.applied.set(other, applied());
    forgetOthers(unit, stored(bundle('d1'), record(), helmRelease()));
    expect([...unit.applied.keys()]).toEqual([ID]);
    forgetOthers(unit, stored(bundle('d2'), record(), helmRelease()));
    expect([...unit.applied.keys()]).toEqual([]);
  });
});

test.each<[what: string, ended: AppliedRecord['ended'], known: boolean]>([
  ['a Job that completed and was removed', 'complete', false],
  ['a Job that failed and was removed', 'failed', false],
  ['anything else', undefined, true],
])('%s, before an upgrade', (_what, ended, known) => {
  unit.applied.set(ID, applied('d1', ended === undefined ? {} : { ended }));
  forgetEnded(unit);
  expect(unit.applied.has(ID)).toBe(known);
});

describe('an object that no watch shows', () => {
  const live = (owner: Observed['owner'] | undefined) =>
    ({ get: () => (owner === undefined ? undefined : { owner }) }) as unknown as LiveObjects;
  const removed = { note: { key: KEY, how: 'removed' } } as unknown as Tolerated;

  test.each<[what: string, set: (known: UnitMemory) => void, owner: Observed['owner'] | undefined, doubted: boolean]>([
    ['is looked at again', (known) => known.applied.set(ID, applied()), undefined, true],
    [
      "is, too, where it is another unit's by its labels",
      (known) => known.applied.set(ID, applied()),
      { kind: 'HelmRelease', namespace: 'shop', name: 'till' },
      true,
    ],
    ['is, too, where its drift was left', (known) => known.tolerated.set(ID, {} as Tolerated), undefined, true],
    [
      'is not where it is watched after all',
      (known) => known.applied.set(ID, applied()),
      { kind: 'HelmRelease', namespace: 'shop', name: 'cart' },
      false,
    ],
    [
      'is not where it ended, as Jobs do',
      (known) => known.applied.set(ID, applied('d1', { ended: 'complete' })),
      undefined,
      false,
    ],
    ['is not where it is told to be gone', (known) => known.tolerated.set(ID, removed), undefined, false],
    ['is looked at anyway where nothing is known of it', () => undefined, undefined, false],
  ])('%s', (_what, set, owner, doubted) => {
    unit.bundle = stored(bundle(), record(), helmRelease());
    set(unit);
    doubtUnwatched(unit, live(owner));
    expect(unit.drifted.get(ID)).toBe(doubted ? 'unread' : undefined);
  });
});
