import type { Requirement } from '@plumb/core';
import { expect, test } from 'vitest';
import { isGoingAnyway } from './ending-namespace.ts';

const ref = { kind: 'Kustomization', namespace: 'shop', name: 'apps' } as const;
const gone = (namespace: string) => ({
  key: { group: '', version: 'v1', kind: 'ConfigMap', namespace, name: 'settings' },
  action: 'delete' as const,
});
const missing = (policy: string): Requirement => ({
  policy,
  generation: 1,
  rule: 'r',
  verdict: 'Missing',
  message: '',
  evidence: [],
});

test.each([
  ['what goes with it passes', {}, {}, true],
  ['what is elsewhere does not', { objects: [gone('shop'), gone('other')] }, {}, false],
  ['nor what is of no namespace', { objects: [gone('')] }, {}, false],
  ['nor what is in another cluster', { clusterName: 'edge' }, {}, false],
  ['nor what was refused', {}, { state: 'rejected' as const }, false],
  ['nor what a lockdown holds', {}, { requirements: [missing('Lockdown/fire')] }, false],
])('in a namespace that is being deleted %s', (_what, asked, found, passes) => {
  const request = { ref, clusterName: 'own', objects: [gone('shop')], ...asked };
  const verdict = { state: 'held' as const, requirements: [missing('default-limits')], ...found };
  expect(isGoingAnyway(request, verdict)).toBe(passes);
});
