import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TooLargeError } from './body.ts';
import { LineSplitter } from './lines.ts';

function split(chunks: Buffer[], limit = 1_000): string[] {
  const lines = new LineSplitter(limit);
  return chunks.flatMap((chunk) => [...lines.push(chunk)]);
}

test('lines come whole however the stream is cut, also inside a character', () => {
  const line = fc
    .string({ unit: 'binary', minLength: 1 })
    .filter((text) => !text.includes('\n') && text.isWellFormed());
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(200)), (wanted, cuts) => {
      const bytes = Buffer.from(wanted.map((text) => `${text}\n`).join(''));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(split(chunks, 100_000)).toEqual(wanted);
    }),
  );
});

test('half a line at the end is dropped', () => {
  expect(split([Buffer.from('one\ntw')])).toEqual(['one']);
});

test.each([
  { what: 'in one chunk', chunks: [Buffer.from(`${'x'.repeat(11)}\n`)] },
  { what: 'over many chunks', chunks: Array.from({ length: 11 }, () => Buffer.from('x')) },
])('a line past the limit is refused $what', ({ chunks }) => {
  expect(() => split(chunks, 10)).toThrow(TooLargeError);
});
