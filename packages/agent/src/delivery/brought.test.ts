import { describe, expect, test } from 'vitest';
import { broughtBy, readAnew, type Ground } from './brought.ts';

const ground = (revision: string, digest: string, reads: Record<string, string | null>): Ground => {
  return { revision, digest, reads: new Map(Object.entries(reads)), shape: {}, values: {}, parent: null };
};
const FIRST = ground('1', 'a', { 'apps/k.yaml': 'k1', 'apps/a.yaml': 'a1' });

describe('whose work a change is', () => {
  test.each<[string, Ground, string]>([
    ['what changed something', ground('2', 'b', { 'apps/k.yaml': 'k2', 'apps/a.yaml': 'a1' }), '2'],
    ['what came with nothing that is read', ground('2', 'a', { 'apps/a.yaml': 'a1', 'apps/k.yaml': 'k1' }), '2'],
    ['before what is read and changed nothing', ground('2', 'a', { 'apps/k.yaml': 'k2', 'apps/a.yaml': 'a1' }), '1'],
    ['before what is read no more', ground('2', 'a', { 'apps/k.yaml': 'k1' }), '1'],
    [
      'before what is read besides',
      ground('2', 'a', { 'apps/k.yaml': 'k1', 'apps/a.yaml': 'a1', 'apps/b.yaml': 'b1' }),
      '1',
    ],
  ])('it counts from %s', (_what, now, since) => {
    expect(broughtBy(FIRST, now).revision).toBe(since);
  });

  test.each<[string, Partial<Ground>]>([
    ['the unit itself', { shape: { 'spec.patches': 'p' } }],
    ['a ConfigMap', { values: { 'ConfigMap vars': 'v' } }],
  ])('it counts from before what %s says and changed nothing', (_what, other) => {
    const now = { ...FIRST, revision: '2', ...other };
    expect(broughtBy(FIRST, now)).toBe(FIRST);
    expect(broughtBy(FIRST, { ...now, digest: 'b' }).revision).toBe('2');
  });

  test('what brings the unit is remembered until more is known', () => {
    const parent = { revision: '7', shape: {}, values: {} };
    expect(broughtBy({ ...FIRST, parent }, { ...FIRST, revision: '2' })).toMatchObject({ revision: '2', parent });
    expect(broughtBy({ ...FIRST, parent }, { ...FIRST, digest: 'b' }).parent).toBeNull();
  });

  test('it counts from the first that is known', () => {
    expect(broughtBy(null, FIRST)).toBe(FIRST);
  });
});

describe('what is read anew', () => {
  test.each<[string, Record<string, string | null>, Record<string, string | null>, string[]]>([
    ['is what was not looked at', { 'k.yaml': 'k' }, { 'k.yaml': 'k2', 'evil.yaml': 'e' }, ['evil.yaml']],
    ['is not what was looked for in vain', { 'k.yaml': null }, { 'k.yaml': 'k' }, []],
    ['is not what is not there', { 'k.yaml': 'k' }, { 'k.yaml': 'k', 'other.yaml': null }, []],
    ['is not what is in a folder that was read', { apps: 't' }, { 'apps/a/b.yaml': 'b' }, []],
    ['nor in one that was read from the root', { '': 't' }, { 'apps/a.yaml': 'b' }, []],
    ['is a folder of which files were read', { 'apps/a.yaml': 'a' }, { apps: 't' }, ['apps']],
    ['is what is beside of a folder that was read', { apps: 't' }, { 'apps-2/a.yaml': 'a' }, ['apps-2/a.yaml']],
  ])('%s', (_what, before, now, paths) => {
    expect(readAnew(ground('1', 'a', before), { ids: new Map(Object.entries(now)) })).toEqual(paths);
  });

  test('is nothing where nothing was applied: all there is counts', () => {
    expect(readAnew(null, { ids: FIRST.reads })).toEqual([]);
  });
});
