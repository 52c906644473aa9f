import type { GitRepository } from '@plumb/api';
import { expect, test } from 'vitest';
import { gitRepository } from '../../testing/builders.ts';
import { findIncludes } from './includes.ts';

/** Repositories by name, each with the names of those it includes. */
function find(includes: Readonly<Record<string, readonly string[]>>, name: string) {
  const all = new Map(Object.entries(includes).map(([own, names]) => [own, repository(own, names)]));
  const object = all.get(name) ?? repository(name, []);
  return findIncludes(object, (_, wanted) => all.get(wanted));
}

function repository(name: string, includes: readonly string[]): GitRepository {
  const include = includes.map((other) => ({ repository: { name: other } }));
  return gitRepository(undefined, { metadata: { name }, spec: { include } });
}

/** Two a level, each of which includes both of the next. */
function diamond(levels: number, last: readonly string[]): Record<string, readonly string[]> {
  const rows = Array.from({ length: levels }, (_, level): [string, readonly string[]][] => {
    const next = level + 1 === levels ? last : [`a${level + 1}`, `b${level + 1}`];
    return [
      [`a${level}`, next],
      [`b${level}`, next],
    ];
  });
  return Object.fromEntries(rows.flat());
}

test('a diamond of 40 levels is looked through at once', () => {
  expect(find(diamond(40, []), 'a0')).toMatchObject({ includes: [{}, {}] });
  expect(find(diamond(40, ['a0']), 'a0')).toMatchObject({
    said: { id: 'git-include-cycle', text: expect.stringMatching(/: a0 -> a1 -> .* -> a39 -> a0$/) as string },
  });
});

test.each<[what: string, includes: Record<string, readonly string[]>, words: string | null]>([
  ['itself', { shop: ['shop'] }, 'shop -> shop'],
  ['one that includes it', { shop: ['base', 'lib'], base: [], lib: ['shop'] }, 'shop -> lib -> shop'],
  ['two that include each other, but not it', { shop: ['base'], base: ['lib'], lib: ['base'] }, null],
])('a repository that includes %s', (_, includes, words) => {
  const found = find(includes, 'shop');
  const text = 'said' in found ? found.said.text : null;
  expect(text).toBe(words === null ? null : `spec.include leads back to its own repository: ${words}`);
});

test('more than a hundred includes are refused, and nobody walks through them', () => {
  const many = Array.from({ length: 101 }, (_, n) => `lib-${n}`);
  expect(find({ shop: many }, 'shop')).toMatchObject({
    said: { text: 'spec.include has 101 entries, more than 100: include a repository that includes some of them' },
  });
  expect(find({ shop: many.slice(1), ...Object.fromEntries(many.map((name) => [name, []])) }, 'shop')).toMatchObject({
    includes: expect.any(Array) as unknown[],
  });
});
