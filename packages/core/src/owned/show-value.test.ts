import { expect, test } from 'vitest';
import { shownValue } from './show-value.ts';

test.each<[value: unknown, shown: string]>([
  [undefined, 'nothing'],
  [null, 'null'],
  [2, '2'],
  [9007199254740993n, '9007199254740993'],
  ['green', '"green"'],
  ['two\nlines', '"two\\nlines"'],
  [{ a: [1] }, '{"a":[1]}'],
  ['x'.repeat(100), `"${'x'.repeat(58)}…`],
])('%#', (value, shown) => {
  expect(shownValue(value, false)).toBe(shown);
});

test('what is hidden shows that it is there, and nothing more', () => {
  expect(shownValue('s3cr3t', true)).toBe(shownValue('another', true));
  expect(shownValue(undefined, true)).toBe('nothing');
});
