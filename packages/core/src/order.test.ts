import type { ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareForApply, compareForPrune, pruneSteps, stageOf, stagesOf } from './order.ts';

const key = (kind: string, name = 'x', group = '', namespace = ''): ObjectKey => ({
  group,
  version: 'v1',
  kind,
  namespace,
  name,
});

const anyKey = fc.record({
  group: fc.constantFrom('', 'apps', 'b.dev'),
  version: fc.constant('v1'),
  kind: fc.constantFrom(
    'Namespace',
    'Secret',
    'Deployment',
    'Widget',
    'Gadget',
    'StorageClass',
    'ValidatingWebhookConfiguration',
  ),
  namespace: fc.constantFrom('', 'a', 'b'),
  name: fc.constantFrom('x', 'y', 'z'),
});

test('kinds are applied in the order of Flux', () => {
  const kinds = [
    'CustomResourceDefinition',
    'Namespace',
    'ClusterRole',
    'ClusterClass',
    'RuntimeClass',
    'PriorityClass',
    'StorageClass',
    'VolumeSnapshotClass',
    'IngressClass',
    'GatewayClass',
    'ClusterRoleBinding',
    'ResourceQuota',
    'ServiceAccount',
    'Role',
    'RoleBinding',
    'ConfigMap',
    'Secret',
    'Service',
    'LimitRange',
    'Deployment',
    'StatefulSet',
    'CronJob',
    'PodDisruptionBudget',
    'Ingress',
    'Widget',
    'MutatingWebhookConfiguration',
    'ValidatingWebhookConfiguration',
  ];
  const shuffled = kinds.toReversed().map((kind) => key(kind));
  expect(shuffled.toSorted(compareForApply).map(({ kind }) => kind)).toEqual(kinds);
  expect(shuffled.toSorted(compareForPrune).map(({ kind }) => kind)).toEqual(kinds.toReversed());
});

test('ties are broken by group, kind, namespace and name', () => {
  const sorted = [
    key('B', 'x', 'a.dev'),
    key('A', 'x', 'b.dev'),
    key('C', 'x', 'b.dev', 'a'),
    key('C', 'a', 'b.dev', 'b'),
    key('C', 'b', 'b.dev', 'b'),
  ];
  expect(sorted.toReversed().sort(compareForApply)).toEqual(sorted);
});

describe('the apply order is total', () => {
  test('zero exactly for one identity, and antisymmetric', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        expect(compareForApply(a, b) === 0).toBe(keyId(a) === keyId(b));
        expect(Math.sign(compareForApply(a, b))).toBe(0 - Math.sign(compareForApply(b, a)));
      }),
    );
  });

  test('transitive, so any permutation sorts to one list', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyKey, { selector: keyId }), fc.infiniteStream(fc.nat()), (keys, draws) => {
        const shuffled = keys.map((item) => ({ item, at: draws.next().value })).sort((a, b) => a.at - b.at);
        expect(shuffled.map(({ item }) => item).sort(compareForApply)).toEqual(keys.toSorted(compareForApply));
      }),
    );
  });
});

test.each([
  ['CustomResourceDefinition', 'definitions'],
  ['Namespace', 'definitions'],
  ['ClusterRole', 'definitions'],
  ['ClusterRoleBinding', 'rest'],
  ['StorageClass', 'classes'],
  ['Class', 'classes'],
  ['Deployment', 'rest'],
] as const)('%s belongs to the stage %s', (kind, stage) => {
  expect(stageOf(key(kind))).toBe(stage);
});

test('a custom stage takes kinds by group and kind, and only from the rest', () => {
  const custom = [
    { group: 'b.dev', kind: 'Widget' },
    { group: '', kind: 'Namespace' },
  ];
  expect(stageOf({ group: 'b.dev', kind: 'Widget' }, custom)).toBe('custom');
  expect(stageOf({ group: 'c.dev', kind: 'Widget' }, custom)).toBe('rest');
  expect(stageOf({ group: '', kind: 'Namespace' }, custom)).toBe('definitions');
});

test('what is pruned goes kind by kind, and each kind before those it refers to', () => {
  const keys = [
    key('Namespace'),
    key('Secret', 'a'),
    key('Widget', 'a', 'b.dev'),
    key('Secret', 'b'),
    key('Widget', 'a', 'c.dev'),
  ];
  const steps = pruneSteps(keys).map((step) => step.map(({ group, kind, name }) => `${group}/${kind}/${name}`));
  expect(steps).toEqual([['c.dev/Widget/a'], ['b.dev/Widget/a'], ['/Secret/b', '/Secret/a'], ['/Namespace/x']]);
  expect(pruneSteps([])).toEqual([]);
});

test('stages come in order, sorted inside, without empty ones', () => {
  const items = [key('Widget', 'w', 'b.dev'), key('Deployment', 'b'), key('Deployment', 'a'), key('Namespace')].map(
    (one) => ({ key: one }),
  );
  const stages = stagesOf(items, [{ group: 'b.dev', kind: 'Widget' }]);
  expect(stages.map(({ name, items: members }) => [name, members.map((member) => member.key.name)])).toEqual([
    ['definitions', ['x']],
    ['custom', ['w']],
    ['rest', ['a', 'b']],
  ]);
  expect(stagesOf([])).toEqual([]);
});
