import { expect, test } from 'vitest';
import { brokenStatuses } from './faithful.ts';
import type { State } from './history.ts';

function state(at: bigint, conditions: readonly [type: string, status: string][]): State {
  const told = {
    reason: 'Progressing',
    message: 'm',
    observedGeneration: 1,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const object = {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'shop', namespace: 'flux-system', generation: 1 },
    status: { observedGeneration: 1, conditions: conditions.map(([type, status]) => ({ type, status, ...told })) },
  };
  return { at, uid: 'u', object };
}

test('a status that broke a rule on the way is told, though the last one breaks none', () => {
  const before = state(1n, [
    ['Reconciling', 'True'],
    ['Ready', 'Unknown'],
  ]);
  const both = state(2n, [
    ['Stalled', 'True'],
    ['Reconciling', 'True'],
    ['Ready', 'False'],
  ]);
  const last = state(3n, [['Ready', 'True']]);
  const deleted = { ...last, at: 4n, object: null };
  expect(brokenStatuses([before, last, deleted])).toEqual([]);
  expect(brokenStatuses([before, both, last, deleted])).toEqual([
    'Kustomization/flux-system/shop at 2: S03 Reconciling and Stalled never stand together: both are there (I6)',
  ]);
});
