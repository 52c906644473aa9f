import { describe, expect, test } from 'vitest';
import type { ObjectRules } from './plan.ts';
import { allowsPruning, asksToBeLeft, declaredRules, DEFAULT_RULES, rulesOf } from './rules.ts';

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

describe('an object of a HelmRelease', () => {
  const HELM = 'helm-controller';
  const DRIFT = 'helm.toolkit.fluxcd.io/driftDetection';
  const POLICY = 'helm.sh/resource-policy';

  test.each<[says: string, metadata: object, rules: Partial<ObjectRules>]>([
    ['nothing', {}, {}],
    ['what is for Kustomizations', { annotations: { [`${P}/prune`]: 'Disabled', [`${P}/ssa`]: 'Ignore' } }, {}],
    ['that it stays', { annotations: { [POLICY]: 'keep' } }, { prune: false }],
    ['that it stays, as Helm reads it', { annotations: { [POLICY]: ' Keep ' } }, { prune: false }],
    ['that it stays, as a label', { labels: { [POLICY]: 'keep' } }, {}],
    ['another policy', { annotations: { [POLICY]: 'delete' } }, {}],
    ['that its drift is not looked for', { annotations: { [DRIFT]: 'disabled' } }, { drift: 'ignore' }],
    ['so in a label, in any case', { labels: { [DRIFT]: 'Disabled' } }, { drift: 'ignore' }],
    ['that it is, which is no word of Flux', { annotations: { [DRIFT]: 'enabled' } }, {}],
    ['our own word about drift', { annotations: { 'plumb.dev/drift': 'warn' } }, { drift: 'warn' }],
    [
      'both: that it is left alone goes first',
      { annotations: { 'plumb.dev/drift': 'correct', [DRIFT]: 'disabled' } },
      { drift: 'ignore' },
    ],
  ])('says %s', (_says, metadata, rules) => {
    expect(rulesOf({ metadata: { name: 'x', ...metadata } }, HELM)).toEqual({ ...DEFAULT_RULES, ...rules });
  });

  test('that says nothing shares the defaults, and is asked nothing of Helm by a Kustomization', () => {
    expect(rulesOf({ metadata: { name: 'x' } }, HELM)).toBe(DEFAULT_RULES);
    const annotations = { [POLICY]: 'keep', [DRIFT]: 'disabled' };
    expect(rulesOf({ metadata: { name: 'x', annotations } })).toBe(DEFAULT_RULES);
  });

  test('that is a HelmRelease speaks of its own objects', () => {
    const annotations = { 'plumb.dev/drift': 'warn' };
    const unit = { apiVersion: 'helm.toolkit.fluxcd.io/v2', kind: 'HelmRelease', metadata: { name: 'x', annotations } };
    expect(rulesOf(unit, HELM)).toBe(DEFAULT_RULES);
  });

  test('stays, and is still applied, where the chart keeps it', () => {
    const kept = rulesOf({ metadata: { name: 'x', annotations: { [POLICY]: 'keep' } } }, HELM);
    expect([allowsPruning(kept), asksToBeLeft(kept)]).toEqual([false, false]);
  });

  test('is left alone as a whole by an empty pointer, where that is for drift', () => {
    const body = { metadata: { name: 'x', annotations: { 'plumb.dev/drift': 'correct' } } };
    expect(declaredRules(body, ['', '/spec/replicas'], HELM).drift).toBe('ignore');
    expect(declaredRules(body, ['/spec/replicas'], HELM).drift).toBe('correct');
    expect(declaredRules({ metadata: { name: 'x' } }, [], HELM)).toBe(DEFAULT_RULES);
    expect(declaredRules({ metadata: { name: 'x' } }, [''], 'kustomize-controller')).toBe(DEFAULT_RULES);
  });
});
