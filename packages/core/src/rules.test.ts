import { expect, test } from 'vitest';
import { DEFAULT_RULES, rulesOf } from './rules.ts';

const P = 'kustomize.toolkit.fluxcd.io';

test('an object that says nothing shares the defaults', () => {
  expect(rulesOf({ metadata: { name: 'x' } })).toBe(DEFAULT_RULES);
  expect(rulesOf({ metadata: { name: 'x', labels: { [`${P}/ssa`]: 'Override', [`${P}/prune`]: 'enabled' } } })).toBe(
    DEFAULT_RULES,
  );
});

test.each([
  [{ ssa: 'Merge' }, { ssa: 'Merge' }],
  [{ ssa: 'ifnotpresent' }, { ssa: 'IfNotPresent' }],
  [{ ssa: 'IGNORE' }, { ssa: 'Ignore' }],
  [{ ssa: 'Nonsense', force: 'ENABLED' }, { force: true }],
  [{ force: 'true', prune: 'Disabled' }, { prune: false }],
  [{ reconcile: 'disabled' }, { reconcile: false }],
])('%o as labels or annotations, in any case', (given, expected) => {
  const map = Object.fromEntries(Object.entries(given).map(([rule, value]) => [`${P}/${rule}`, value]));
  expect(rulesOf({ metadata: { name: 'x', labels: map } })).toEqual({ ...DEFAULT_RULES, ...expected });
  expect(rulesOf({ metadata: { name: 'x', annotations: map } })).toEqual({ ...DEFAULT_RULES, ...expected });
});

test('where label and annotation disagree the careful one holds', () => {
  const metadata = {
    name: 'x',
    labels: { [`${P}/ssa`]: 'Merge' },
    annotations: { [`${P}/ssa`]: 'Ignore', [`${P}/prune`]: 'Disabled' },
  };
  expect(rulesOf({ metadata })).toEqual({ ...DEFAULT_RULES, ssa: 'Ignore', prune: false });
});

test('a value that is no text says nothing', () => {
  const annotations = { [`${P}/prune`]: false } as unknown as Record<string, string>;
  expect(rulesOf({ metadata: { name: 'x', annotations } })).toBe(DEFAULT_RULES);
});
