import type { Json } from '@plumb/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../canonical.ts';
import { parseDocuments } from './documents.ts';
import { printYaml } from './print.ts';

const read = (text: string): Json | undefined => parseDocuments('a.yaml', Buffer.from(text))[0]?.value;

test.each([
  'yes',
  'on',
  'y',
  'N',
  '~',
  'null',
  '1:30',
  '0777',
  '0o17',
  '1_000',
  '1e3',
  '.5',
  '2024-01-01',
  '',
  ' a',
  '- x',
  'a: b',
  '<<',
  '=',
  '#c',
  'two\nlines\n',
  '\u0000',
  '12345678901234567890',
])('the text %j is read as that text', (text) => expect(read(printYaml({ text }))).toEqual({ text }));

test('integers keep every digit', () => {
  expect(printYaml({ a: 12_345_678_901_234_567_890n, b: [-9_007_199_254_740_993n] })).toBe(
    'a: 12345678901234567890\nb:\n  - -9007199254740993\n',
  );
});

test('what is printed is read as the same', () => {
  // A key '<<' is refused on reading.
  const isReadable = (value: unknown): boolean => !JSON.stringify(value).includes('"<<":');
  const values = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })).filter(isReadable);
  fc.assert(
    fc.property(values, (object) => {
      const json = JSON.parse(JSON.stringify(object)) as Json;
      expect(canonicalJson(read(printYaml({ object: json })))).toBe(canonicalJson({ object: json }));
    }),
  );
});
