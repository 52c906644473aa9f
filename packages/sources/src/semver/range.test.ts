import { describe, expect, test } from 'vitest';
import { parseRange, selectVersions } from './range.ts';
import { compareVersions, parseVersion } from './version.ts';

function accepts(range: string, version: string): boolean {
  const parsed = parseVersion(version);
  if (parsed === undefined) throw new Error(`${version} is no version`);
  return parseRange(range)(parsed);
}

describe('a range follows Masterminds/semver v3', () => {
  // Each answer was taken from v3.4.0 of the Go library.
  const table: [range: string, inside: string[], outside: string[]][] = [
    ['*', ['0.0.0', '1.2.3', '11.5.0'], ['1.0.0-alpha']],
    ['1.x', ['1.0.0', '1.9.9', 'v1.2.3'], ['2.0.0', '0.9.0', '1.2.3-beta.1']],
    ['1.2.x', ['1.2.0', '1.2.9'], ['1.3.0', '1.1.9']],
    ['1.2', ['1.2.0', '1.2.9'], ['1.3.0']],
    ['v1.2.3', ['1.2.3', 'v1.2.3', '1.2.3+build'], ['1.2.4']],
    ['=1.2.3', ['1.2.3'], ['1.2.4', '1.2.3-beta.1']],
    ['>=1.0.0', ['1.0.0', '2.0.0'], ['0.9.9', '1.2.3-beta.1', '2.0.0-rc.1']],
    ['>=1.0.0-0', ['1.0.0-0', '1.0.0-alpha', '1.2.3-beta.1', '1.0.0', '2.0.0-rc.1'], ['0.9.9']],
    ['>=1.0.0-0 <2', ['1.0.0-alpha', '1.9.0', '2.0.0-rc.1'], ['2.0.0']],
    ['~1.2', ['1.2.0', '1.2.9'], ['1.3.0', '1.1.0']],
    ['~1.2.3', ['1.2.3', '1.2.9'], ['1.2.2', '1.3.0']],
    ['~1', ['1.0.0', '1.9.0'], ['2.0.0']],
    ['~>1.2.3', ['1.2.4'], ['1.3.0']],
    ['^1', ['1.0.0', '1.9.9'], ['2.0.0']],
    ['^1.2.3', ['1.2.3', '1.9.9'], ['1.2.2', '2.0.0']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
    ['^0.0.3', ['0.0.3'], ['0.0.4', '0.1.0']],
    ['^0', ['0.0.1', '0.3.0'], ['1.0.0']],
    ['^1.2.3-beta.2', ['1.2.3-beta.2', '1.2.3-beta.11', '1.4.0', '2.0.0-rc.1'].slice(0, 3), ['1.2.3-beta.1', '2.0.0']],
    ['!=1.2', ['1.3.0'], ['1.2.0', '1.2.7']],
    ['!=1.2 >=1-0', ['1.2.3-beta.1', '1.3.0'], ['1.2.3']],
    ['>11', ['12.0.0'], ['11.0.0', '11.5.0']],
    ['<=1.x', ['1.5.0', '0.1.0'], ['2.0.0']],
    ['>=1.0.0, <2.0.0', ['1.5.0'], ['2.0.0']],
    ['>=1.0.0,<2.0.0', ['1.5.0'], ['2.0.0']],
    ['>=1.0.0 <2.0.0', ['1.5.0'], ['2.0.0']],
    ['~1.2 || ^2.0.0', ['1.2.4', '2.1.0'], ['1.3.0', '11.0.0']],
    ['1.2 - 1.4', ['1.2.0', '1.4.9'], ['1.5.0', '1.1.0']],
    ['=> 1.0.0', ['1.0.0'], ['0.1.0']],
  ];

  test.each(table)('%s', (range, inside, outside) => {
    expect(inside.filter((version) => !accepts(range, version))).toEqual([]);
    expect(outside.filter((version) => accepts(range, version))).toEqual([]);
  });

  test.each([
    '',
    '||',
    '1 ||',
    'foo',
    '1.2.3.4',
    '>>1',
    '>=1,',
    ',>=1',
    '>=1,,<2',
    '1x',
    '>=1.2.3-01',
    '1.2.3 foo',
    'a'.repeat(2000),
  ])('refuses %j', (range) => {
    expect(() => parseRange(range)).toThrow(/improper constraint/);
  });
});

describe('the highest version wins', () => {
  const tags = ['v1.0.0', '1.2.10', '1.2.9', 'v2.0.0-rc.1', 'v2.0.0-rc.10', 'latest', '1.3', 'v1.02.0', '3.0.0-0'];

  test.each([
    ['>=1.0.0', ['1.2.10']],
    ['^1', ['1.2.10']],
    ['>=2.0.0-0 <3.0.0-0', ['v2.0.0-rc.10']],
    ['~4', []],
  ])('%s', (range, expected) => {
    expect(selectVersions(range, tags)).toEqual(expected);
  });

  test('keeps all that differ only in their build part', () => {
    expect(selectVersions('1.x', ['1.0.0', '1.1.0+a', '1.1.0+b', '0.1.0'])).toEqual(['1.1.0+a', '1.1.0+b']);
  });

  test('orders as semver.org does', () => {
    const ordered = [
      '1.0.0-1',
      '1.0.0-2',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0',
      '1.0.99999999999999999999',
      '1.1.0',
    ];
    const versions = ordered.map((text) => parseVersion(text)).filter((version) => version !== undefined);
    expect(versions.length).toBe(ordered.length);
    expect(versions.toReversed().sort(compareVersions)).toEqual(versions);
  });
});
