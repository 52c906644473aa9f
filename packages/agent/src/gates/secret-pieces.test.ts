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
  expect(withoutPieces(text, ['correct-horse-battery', 'short'])).toBe(shown);
});

test('a long value takes no long time', () => {
  const value = 'correct-horse-battery.'.repeat(50_000);
  const began = performance.now();
  expect(withoutPieces(`it is ${value.slice(0, 4_000)}`, [value, value])).toBe('it is ***');
  expect(performance.now() - began).toBeLessThan(10_000);
});
