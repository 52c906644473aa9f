import { expect, test } from 'vitest';
import { some } from './some.ts';

test.each<[readonly string[], Parameters<typeof some>[2], string]>([
  [[], undefined, ''],
  [['a'], undefined, 'a'],
  [['a', 'b'], undefined, 'a, b'],
  [['a', 'b', 'c'], undefined, 'a, b and 1 more'],
  [['a', 'b', 'c', 'd'], { between: '; ', last: '; and ' }, 'a; b; and 2 more'],
])('of %j two are told with %j: %j', (texts, joined, expected) => {
  expect(some(texts, 2, joined)).toBe(expected);
});
