import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { storedForm } from './stored-form.ts';

const secret = (fields: Record<string, unknown>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  ...fields,
});

test('stringData becomes data and wins over it', () => {
  const before = secret({ data: { a: 'b2xk', b: 'Yg==' }, stringData: { a: 'new', text: 'ü€\n' } });
  expect(storedForm(before)).toEqual(secret({ data: { a: 'bmV3', b: 'Yg==', text: 'w7zigqwK' } }));
  expect(before['stringData']).toBeDefined();
});

test('a value that is no text is left for the API server to refuse', () => {
  expect(storedForm(secret({ stringData: { a: 7 } }))).toEqual(secret({ data: { a: 7 } }));
});

test('anything else is returned as it is', () => {
  for (const object of [secret({ data: { a: 'YQ==' } }), { ...secret({ stringData: { a: 'b' } }), kind: 'Sealed' }]) {
    expect(storedForm(object)).toBe(object);
  }
});
