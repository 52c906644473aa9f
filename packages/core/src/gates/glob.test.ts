import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fits, fitsOne, isKind } from './glob.ts';

test.each([
  ['', '', true],
  ['', 'a', false],
  ['a', 'a', true],
  ['a', 'A', false],
  ['a', 'ab', false],
  ['*', '', true],
  ['*', 'anything', true],
  ['**', '', true],
  ['a*', 'a', true],
  ['a*', 'ba', false],
  ['*a', 'ba', true],
  ['*a', 'ab', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['ab*ba', 'aba', false],
  ['*b*', 'abc', true],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'acb', false],
  ['a*bc*c', 'abc', false],
  ['a*bc*c', 'abcc', true],
  ['prod-*-eu', 'prod--eu', true],
  ['prod-*-eu', 'prod-eu', false],
  ['a.c', 'abc', false],
  ['[a-z]', 'b', false],
  ['a?', 'ab', false],
  ['(a|b)', 'a', false],
])('%j on %j: %s', (pattern, text, is) => {
  expect(fits(pattern, text)).toBe(is);
});

test('it says what a regular expression would', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const texts = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      expect(fits(pattern, text)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's').test(text));
    }),
    { numRuns: 2_000 },
  );
});

test('what asks for nothing fits everything, and an empty list nothing', () => {
  expect(fitsOne(undefined, 'a')).toBe(true);
  expect(fitsOne([], 'a')).toBe(false);
  expect(fitsOne(['b', 'a*'], 'ab')).toBe(true);
});

test.each([
  ['Deployment', 'apps', 'Deployment', true],
  ['Deployment', '', 'Deployment', true],
  ['Deployment.apps', 'apps', 'Deployment', true],
  ['Deployment.apps', 'apps.example.com', 'Deployment', false],
  ['Deployment.', 'apps', 'Deployment', false],
  ['Namespace.', '', 'Namespace', true],
  ['deployment', 'apps', 'Deployment', false],
  ['Ingress.networking.k8s.io', 'networking.k8s.io', 'Ingress', true],
])('%s is meant by %s/%s: %s', (name, group, kind, is) => {
  expect(isKind(name, { group, kind })).toBe(is);
});
