import type { ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AppliedRecord, type StoredBundle, UnitMemory } from '../delivery/unit.ts';
import { leftDrift, standingDrift } from './correct.ts';

const key = (name: string): ObjectKey => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name });
const [SETTINGS, THEME] = [key('settings'), key('theme')];
const NOW = 1_000;

let unit: UnitMemory;
beforeEach(() => {
  unit = new UnitMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
  unit.bundle = { objects: [SETTINGS, THEME].map((of) => ({ key: of, rules: {} })) } as unknown as StoredBundle;
  for (const of of [SETTINGS, THEME]) unit.applied.set(keyId(of), { ownedHash: 'h' } as AppliedRecord);
});

describe('drift that may be put right now', () => {
  beforeEach(() => {
    unit.drifted.set(keyId(SETTINGS), 'unread');
  });

  test('is not left by a run that ends well: the next one puts it right', () => {
    expect(leftDrift(unit, 'correct', NOW)).toEqual([]);
  });

  test('stands while a run fails', () => {
    expect(standingDrift(unit, 'correct', NOW)).toEqual([SETTINGS]);
  });

  test('is none where nobody looks for it', () => {
    expect(standingDrift(unit, 'ignore', NOW)).toEqual([]);
  });
});

describe('while a run fails', () => {
  test('nothing stands where all is as it was applied', () => {
    expect(standingDrift(unit, 'correct', NOW)).toEqual([]);
  });

  test('it is not known what stands before the objects were compared', () => {
    unit.applied.delete(keyId(THEME));
    expect(standingDrift(unit, 'correct', NOW)).toBeUndefined();
    expect(standingDrift(unit, 'ignore', NOW)).toEqual([]);
  });

  test('what waits stands all the same', () => {
    unit.drifted.set(keyId(THEME), 'gone');
    unit.driftFailed = { count: 1, retryAt: NOW + 1 };
    expect(standingDrift(unit, 'correct', NOW)).toEqual([THEME]);
  });
});
