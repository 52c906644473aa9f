import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Hasher, hashOf, sortedKeys } from './hash.ts';

test('values of different types or places never hash alike', () => {
  const values = [
    null,
    true,
    false,
    0,
    1,
    -1,
    1.5,
    '',
    '0',
    '1',
    'true',
    'null',
    [],
    {},
    [[]],
    [{}],
    [null],
    { a: null },
    { a: {} },
    ['a', 'b'],
    ['b', 'a'],
    ['ab'],
    ['a', ['b']],
    [['a'], 'b'],
    { a: 'b' },
    { b: 'a' },
    { a: { b: 1 } },
    { a: 1, b: {} },
    { ab: 1 },
    9007199254740993n,
    9007199254740992n,
    undefined,
    'a'.repeat(1_000),
    'a'.repeat(1_001),
    '\u0000',
    '\u0000\u0000',
    'ü',
    'u\u0308',
  ];
  expect(new Set(values.map(hashOf)).size).toBe(values.length);
});

test('a number and the bigint of the same value are one JSON value', () => {
  expect(hashOf({ n: 5n })).toBe(hashOf({ n: 5 }));
});

test('16 hexadecimal digits, the same in every process', () => {
  expect(hashOf({ replicas: 3, labels: { app: 'cart' } })).toBe('ad0cefd52acf983e');
  expect(hashOf(null)).toMatch(/^[0-9a-f]{16}$/);
});

test('a digest may be taken on the way', () => {
  const hasher = new Hasher();
  hasher.text('a');
  const first = hasher.digest();
  expect(hasher.digest()).toBe(first);
  hasher.text('b');
  expect(hasher.digest()).not.toBe(first);
});

test('the order of keys does not matter, that of items does', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.array(fc.integer(), { minLength: 2, maxLength: 6 }),
      (map, list) => {
        const reversed = Object.fromEntries(Object.entries(map).reverse());
        expect(hashOf(reversed)).toBe(hashOf(map));
        expect(hashOf(list.toReversed()) === hashOf(list)).toBe(String(list.toReversed()) === String(list));
      },
    ),
  );
});

test('texts that differ in one place differ in about half of the bits', () => {
  const seen = new Set(Array.from({ length: 20_000 }, (_, index) => hashOf(`key-${index}`)));
  expect(seen.size).toBe(20_000);
  const halves = Array.from({ length: 2_000 }, (_, index) =>
    bitsBetween(hashOf(`key-${index}`), hashOf(`key-${index + 1}`)),
  );
  const mean = halves.reduce((sum, bits) => sum + bits, 0) / halves.length;
  expect(mean).toBeGreaterThan(30);
  expect(mean).toBeLessThan(34);
});

test('keys come sorted whether or not they were', () => {
  expect(sortedKeys({ b: 1, a: 1, c: 1 })).toEqual(['a', 'b', 'c']);
  expect(sortedKeys({ a: 1, b: 1 })).toEqual(['a', 'b']);
  expect(sortedKeys({})).toEqual([]);
});

function bitsBetween(a: string, b: string): number {
  const differing = (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2);
  return [...differing].filter((bit) => bit === '1').length;
}
