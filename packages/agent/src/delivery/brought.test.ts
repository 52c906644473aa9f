import { describe, expect, test } from 'vitest';
import type { KubeObject } from '@plumb/api';
import { broughtBy, NO_BRINGERS, readAnew, valueOf, type Ground } from './brought.ts';
import { sealing } from './seal.ts';

const ground = (revision: string, digest: string, reads: Record<string, string | null>): Ground => {
  return {
    uid: 'apps',
    revision,
    digest,
    reads: new Map(Object.entries(reads)),
    shape: {},
    values: {},
    ...NO_BRINGERS,
  };
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

  describe('what brings the unit and what it is made of is remembered until more is known', () => {
    const mark = { uid: 'fleet', revision: '7', shape: {}, values: {}, ...NO_BRINGERS };
    const before = { ...FIRST, values: { 'ConfigMap vars': 'v' }, parent: mark, configs: { 'ConfigMap vars': mark } };
    const now = { ...before, ...NO_BRINGERS, revision: '2' };
    const configs = { 'ConfigMap vars': mark };
    test.each<[string, Ground, Partial<Ground>]>([
      ['where nothing changed', now, { parent: mark, configs }],
      ['where only commits of its own did', { ...now, digest: 'b' }, { parent: mark, configs }],
      [
        'not where it says something else',
        { ...now, digest: 'b', shape: { 'spec.path': 'p' } },
        { parent: null, configs },
      ],
      [
        'not where that does',
        { ...now, digest: 'b', values: { 'ConfigMap vars': 'w' } },
        { parent: mark, configs: {} },
      ],
      ['not where it takes nothing of it', { ...now, digest: 'b', values: {} }, { parent: mark, configs: {} }],
      ['not where more is', { ...now, parent: { ...mark, revision: '8' } }, { parent: { ...mark, revision: '8' } }],
    ])('%s', (_when, one, kept) => {
      expect(broughtBy(before, one)).toMatchObject({ revision: '2', ...kept });
      expect(Object.keys(broughtBy(before, one).configs)).toEqual(Object.keys(kept.configs ?? configs));
    });
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

test.each(['ConfigMap', 'Secret'] as const)('of a %s counts what it says alone', async (kind) => {
  const object = (version: string, a: string): KubeObject => {
    return { apiVersion: 'v1', kind, metadata: { name: 'vars', resourceVersion: version }, data: { a } } as KubeObject;
  };
  const seal = sealing(null);
  const value = await valueOf(kind, object('1', 'x'), seal);
  expect(await valueOf(kind, object('2', 'x'), seal)).toBe(value);
  expect(await valueOf(kind, object('2', 'y'), seal)).not.toBe(value);
  expect(await valueOf(kind, null, seal)).not.toBe(value);
});
