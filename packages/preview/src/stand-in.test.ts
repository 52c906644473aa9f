import fc from 'fast-check';
import { expect, test } from 'vitest';
import { standInFor } from './stand-in.ts';

test('a stand-in has another character, in any case, for every letter and digit, and another length', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'abcxyzABCXYZ0189-_. äЖ'), minLength: 1 });
  fc.assert(
    fc.property(letters, (text) => {
      const instead = standInFor(text);
      const [before, after] = [[...text.toLowerCase()], [...instead.toLowerCase()]];
      const kept = before.filter((character, at) => /[\p{L}\p{N}]/u.test(character) && character === after[at]);
      expect(kept).toEqual([]);
      expect(instead.length).toBe(text.length + (/[\p{L}\p{N}]/u.test(text) ? 1 : 0));
    }),
  );
});

test.each([
  ['48151623', '592627344'],
  ['http://a.b:80/x', 'iuuq://b.c:91/yy'],
  ['"quoted"', '"rvpufee"'],
  [String.raw`a\nb`, String.raw`b\ncc`],
])('the stand-in of %s keeps its shape', (text, instead) => {
  expect(standInFor(text)).toBe(instead);
});
