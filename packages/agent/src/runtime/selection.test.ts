import { expect, test } from 'vitest';
import { selectionOf } from './selection.ts';

const labelled = (labels?: Record<string, string>) => ({ metadata: { name: 'cart', ...(labels && { labels }) } });

test('without a selector every object is acted on', () => {
  expect(selectionOf()(labelled())).toBe(true);
});

test('with one, those that have the labels', () => {
  const selects = selectionOf('sharding.fluxcd.io/key in (a)');
  expect(selects(labelled({ 'sharding.fluxcd.io/key': 'a' }))).toBe(true);
  expect(selects(labelled({ 'sharding.fluxcd.io/key': 'b' }))).toBe(false);
  expect(selects(labelled())).toBe(false);
  expect(selectionOf('!sharding.fluxcd.io/key')(labelled())).toBe(true);
});

test('one that cannot be read is named', () => {
  expect(() => selectionOf('key is a')).toThrow("'key is a' is no label selector as in sharding.fluxcd.io/key=a: ");
});
