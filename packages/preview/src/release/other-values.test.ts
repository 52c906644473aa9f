import { describe, expect, test } from 'vitest';
import { leavesOf, renderOtherwise, withOthers, type Leaf, type Others } from './other-values.ts';
import { object, releaseOf } from './testing/release-bench.ts';

const secretOf = (texts: Record<string, string>) =>
  object('Secret', 'one', { data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, btoa(text)])) });
const dataOf = (secret: { [field: string]: unknown }): Record<string, string> =>
  Object.fromEntries(Object.entries(secret['data'] as Record<string, string>).map(([key, text]) => [key, atob(text)]));
const FILE = releaseOf({ valuesFrom: [{ kind: 'Secret', name: 'one' }] });

describe('the values that come from Secrets', () => {
  test('are texts and numbers, wherever they stand in a values file', () => {
    const text = 'a: {b: text, c: 3}\nd: [x, true, null, "", 0.5]\ne: false\n';
    expect(leavesOf(FILE, [secretOf({ 'values.yaml': text, other: 'not taken' })])).toEqual([
      { secret: 'one', key: 'values.yaml', path: ['a', 'b'], text: 'text' },
      { secret: 'one', key: 'values.yaml', path: ['a', 'c'], text: 3 },
      { secret: 'one', key: 'values.yaml', path: ['d', 0], text: 'x' },
      { secret: 'one', key: 'values.yaml', path: ['d', 4], text: 0.5 },
    ]);
  });

  test('are whole texts with a targetPath, and where nobody here can read them', () => {
    const valuesFrom = [
      { kind: 'Secret', name: 'one', valuesKey: 'token', targetPath: 'a.b' },
      { kind: 'Secret', name: 'one' },
      { kind: 'ConfigMap', name: 'one' },
      { kind: 'Secret', name: 'never', optional: true },
    ];
    const found = leavesOf(releaseOf({ valuesFrom }), [secretOf({ token: 't', 'values.yaml': '\tbroken: [' })]);
    expect(found.map(({ key, path, text }) => [key, path, text])).toEqual([
      ['token', null, 't'],
      ['values.yaml', null, '\tbroken: ['],
    ]);
  });
});

test('others take their place, and nothing else changes', () => {
  const secret = secretOf({ 'values.yaml': 'a: {b: text, c: 3, on: true}\nd: [x, y]\n', other: 'kept' });
  const [b, c, x] = leavesOf(FILE, [secret]) as [Leaf, Leaf, Leaf];
  const changed = (others: Others): Record<string, string> => dataOf(withOthers(secret, [b, c, x], others));
  expect(withOthers(secret, [b, c, x], new Map())).toBe(secret);
  const { other, 'values.yaml': file = '' } = changed(
    new Map([
      [b, 'other'],
      [c, 'other'],
      [x, 'gone'],
    ]),
  );
  expect(other).toBe('kept');
  expect(JSON.parse(file)).toEqual({
    a: { b: expect.stringMatching(/^[^text]{5}$/) as string, c: 44, on: true },
    d: [null, 'y'],
  });
  expect(JSON.parse(changed(new Map([[b, 'gone']]))['values.yaml'] ?? '')).toEqual({
    a: { c: 3, on: true },
    d: ['x', 'y'],
  });
});

describe('a chart is rendered otherwise', () => {
  const leaves = Array.from({ length: 6 }, (_, index): Leaf => ({
    secret: 'one',
    key: 'k',
    path: [index],
    text: `t${index}`,
  }));
  const told = (others: Others): string => leaves.map((leaf) => others.get(leaf)?.[0] ?? '-').join('');

  test.each([
    ['all at once where it bears that', () => true, 'oooooo'],
    ['with those left that must be what they are', (text: string) => text[2] === '-', 'oo-ooo'],
    ['without those that may only be missing', (text: string) => text[2] !== 'o', 'oogooo'],
    ['never', () => false, null],
  ])('%s', async (_name, bears, expected) => {
    const render = (others: Others): Promise<string | null> => {
      const text = told(others);
      return Promise.resolve(bears(text) ? text : null);
    };
    expect(await renderOtherwise(leaves, render)).toBe(expected);
  });

  test('in few tries, however many there are', async () => {
    const many = Array.from({ length: 1_000 }, (_, index): Leaf => ({
      secret: 'one',
      key: 'k',
      path: [index],
      text: 't',
    }));
    let tries = 0;
    await renderOtherwise(many, () => {
      tries += 1;
      return Promise.resolve(null);
    });
    expect(tries).toBeLessThanOrEqual(101);
  });
});
