import { describe, expect, test } from 'vitest';

import type { NodeRequirement, Pod, PodSpec } from './pod.ts';
import { awaitsNode, chooseNode } from './schedule.ts';

const NODES = [
  { name: 'a', labels: { disk: 'ssd', size: '4' } },
  { name: 'b', labels: { disk: 'hdd', size: '8' } },
  { name: 'c', labels: {} },
];

function pod(spec: Partial<PodSpec>, metadata: Partial<Pod['metadata']> = {}): Pod {
  return { metadata: { name: 'p', ...metadata }, spec: { containers: [], ...spec } };
}

function affinity(
  ...terms: { matchExpressions?: NodeRequirement[]; matchFields?: NodeRequirement[] }[]
): Partial<PodSpec> {
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
  };
}

function expression(key: string, operator: string, ...values: string[]): Partial<PodSpec> {
  return affinity({ matchExpressions: [{ key, operator, values }] });
}

describe('chooseNode', () => {
  test.each<[string, Partial<PodSpec>, string[]]>([
    ['no wish', {}, ['a', 'b', 'c']],
    ['a nodeSelector', { nodeSelector: { disk: 'ssd' } }, ['a']],
    ['a nodeSelector nobody meets', { nodeSelector: { disk: 'tape' } }, []],
    [
      'the name, as DaemonSets ask',
      affinity({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }),
      ['b'],
    ],
    ['In', expression('disk', 'In', 'ssd', 'hdd'), ['a', 'b']],
    ['NotIn, met by nodes without the label', expression('disk', 'NotIn', 'ssd'), ['b', 'c']],
    ['Exists', expression('disk', 'Exists'), ['a', 'b']],
    ['DoesNotExist', expression('disk', 'DoesNotExist'), ['c']],
    ['Gt', expression('size', 'Gt', '5'), ['b']],
    ['Lt', expression('size', 'Lt', '5'), ['a']],
    ['an operator nobody knows', expression('disk', 'Near', 'ssd'), []],
    ['an empty term, which selects nothing', affinity({}), []],
    ['one of two terms', affinity({}, { matchExpressions: [{ key: 'disk', operator: 'Exists' }] }), ['a', 'b']],
  ])('takes turns among the nodes allowed by %s', (_wish, spec, expected) => {
    const chosen = [0, 1, 2].map((turn) => chooseNode(pod(spec), NODES, turn));
    expect(new Set(chosen)).toEqual(new Set(expected.length === 0 ? [null] : expected));
  });
});

describe('awaitsNode', () => {
  test.each<[string, Pod, boolean]>([
    ['a new pod', pod({}), true],
    ['a bound pod', pod({ nodeName: 'a' }), false],
    ['a gated pod', pod({ schedulingGates: [{ name: 'later' }] }), false],
    ['a pod on its way out', pod({}, { deletionTimestamp: '2026-06-01T12:00:00Z' }), false],
  ])('%s', (_what, given, expected) => {
    expect(awaitsNode(given)).toBe(expected);
  });
});
