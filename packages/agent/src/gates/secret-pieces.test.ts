import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { valuesIn, withoutPieces } from './secret-pieces.ts';

const object = (kind: string, fields: object): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'a', namespace: 'shop' },
  ...fields,
});

test('the values of Secrets are known as they are and as they are encoded, and of nothing else', () => {
  const text = 'correct-horse';
  const encoded = Buffer.from(text).toString('base64');
  expect(valuesIn([object('Secret', { data: { a: encoded } }), null])).toEqual([encoded, text]);
  expect(valuesIn([object('Secret', { stringData: { a: text } })])).toEqual([text, encoded]);
  expect(valuesIn([object('ConfigMap', { data: { a: text } }), object('Secret', {})])).toEqual([]);
});

test.each([
  ['a whole value', 'it is correct-horse-battery', 'it is ***'],
  ['its beginning', "bad number 'correct-'", "bad number '***'"],
  ['its middle and its end', 'from t-horse-b to -battery, or more', 'from *** to ***, or more'],
  ['pieces that overlap', 'correct-horse-batterycorrect-horse', '***'],
  ['nothing that is shorter than eight characters', 'correct horse battery', 'correct horse battery'],
  ['nothing of a short text', 'correct', 'correct'],
])('%s is taken out of a text', (_what, text, shown) => {
  expect(withoutPieces(['other', text], ['correct-horse-battery', 'short'])).toEqual(['other', shown]);
});

test.each(['correct-horse-battery.', 'x'])('many texts and long values of %j are gone through once', (word) => {
  const value = word.repeat(Math.ceil(1_000_000 / word.length));
  const texts = Array<string>(200).fill(`it is ${value.slice(0, 2_000)}`);
  expect(new Set(withoutPieces(texts, [value, value]))).toEqual(new Set(['it is ***']));
});
