import fc from 'fast-check';
import ignore from 'ignore';
import { describe, expect, test } from 'vitest';
import { matchName } from './glob.ts';
import { matchesPath, parsePattern } from './pattern.ts';

function matches(line: string, path: string): boolean {
  const directory = path.endsWith('/');
  return matchesPath(parsePattern(line), path.replace(/\/$/, '').split('/'), directory);
}

test.each<[pattern: string, inside: string[], outside: string[]]>([
  ['a', ['a', 'x/a', 'a/x'], ['ab', 'A']],
  ['/a', ['a', 'a/x'], ['x/a']],
  ['a/', ['a/', 'x/a/', 'a/x'], ['a']],
  ['a/b', ['a/b', 'a/b/c'], ['x/a/b', 'a']],
  ['/a/*', ['a/b', 'a/b/c'], ['a', 'x/a/b']],
  ['a/**', ['a/b', 'a/b/c'], ['a', 'a/', 'b']],
  ['**/a', ['a', 'x/a', 'x/y/a'], ['xa']],
  ['**/a/b', ['a/b', 'x/a/b'], ['a/x/b']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b', 'a/x/b/c'], ['b', 'a/x']],
  ['a/**/b/**/c', ['a/b/c', 'a/b/b/x/c', 'a/x/b/c/c'], ['a/c/b']],
  ['*.md', ['a.md', 'x/a.md', '.md'], ['a.mdx', 'md']],
  ['a*b*c', ['abc', 'aXbXc', 'abbcbc'], ['ab', 'acb']],
  ['a?c', ['abc'], ['ac', 'abbc']],
  ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
  ['[!a-c]x', ['dx'], ['ax']],
  ['[^a]', ['b'], ['a']],
  ['[]a]x', [']x', 'ax'], ['bx']],
  ['[a-]', ['a', '-'], ['b']],
  ['[[:digit:]x]', ['7', 'x'], ['a']],
  ['[a', [], ['a', '[a']],
  ['\\*', ['*'], ['a']],
  ['\\!a', ['!a'], ['a']],
  ['a\\ ', ['a '], ['a']],
  ['a  ', ['a'], ['a  ']],
  ['/', [], ['a', 'a/']],
])('%j', (pattern, inside, outside) => {
  expect(inside.filter((path) => !matches(pattern, path))).toEqual([]);
  expect(outside.filter((path) => matches(pattern, path))).toEqual([]);
});

describe('it agrees with a well-known implementation of gitignore', () => {
  const atom = fc.constantFrom('a', 'b', 'ab', '*', '?', 'a*', '*b', '[ab]', '[!a]', '**', 'a?', '*a*');
  const line = fc
    .tuple(fc.boolean(), fc.array(atom, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([rooted, parts, directory]) => `${rooted ? '/' : ''}${parts.join('/')}${directory ? '/' : ''}`);
  const path = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'aa', 'c'), { minLength: 1, maxLength: 5 }), fc.boolean())
    .map(([names, directory]) => `${names.join('/')}${directory ? '/' : ''}`);

  test('on any pattern and path', () => {
    fc.assert(
      fc.property(line, path, (pattern, candidate) => {
        const reference = ignore({ ignorecase: false }).add(pattern);
        expect(matches(pattern, candidate)).toBe(reference.ignores(candidate));
      }),
      { numRuns: 3000 },
    );
  });
});

test('no pattern makes it slow', () => {
  const started = performance.now();
  expect(matchName(`${'*a'.repeat(500)}b`, 'a'.repeat(4000))).toBe(false);
  expect(matches(`/${'**/a/'.repeat(100)}b`, 'a/'.repeat(1000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(5000);
});
