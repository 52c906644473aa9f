import { describe, expect, test } from 'vitest';
import type { ObjectFate } from './facts.ts';
import { beyondAlways, beyondLimits, DEFAULT_LIMITS } from './limits.ts';
import { judgeChange } from './evaluate.ts';
import { change, clusterPolicy, fate, input } from './testing/facts.ts';

const gone = (count: number): ObjectFate[] =>
  Array.from({ length: count }, (_, index) => fate('ConfigMap', `c${index}`, 'delete'));
const beyond = (limits: Parameters<typeof beyondLimits>[0], objects: ObjectFate[], owned: number): string[] =>
  beyondLimits(limits, change({ objects, owned }));

describe('by default', () => {
  test.each([
    ['a Namespace', [fate('Namespace', 'prod', 'delete', '')], 'the deletion of Namespace/prod'],
    [
      'a definition of a kind',
      [fate('CustomResourceDefinition.apiextensions.k8s.io', 'a.example.com', 'delete', '')],
      'the deletion of CustomResourceDefinition/a.example.com',
    ],
    [
      'a claim of a volume',
      [fate('PersistentVolumeClaim', 'data', 'delete')],
      'the deletion of PersistentVolumeClaim/shop/data',
    ],
    [
      'many of them, of which some are named',
      Array.from({ length: 7 }, (_, index) => fate('Namespace', `n${index}`, 'delete', '')),
      'the deletion of Namespace/n0, Namespace/n1, Namespace/n2, Namespace/n3, Namespace/n4 and 2 more',
    ],
    [
      'some, in whichever order they go',
      ['b', 'a'].map((name) => fate('Namespace', name, 'delete', '')),
      'the deletion of Namespace/a, Namespace/b',
    ],
  ])('%s does not go', (_what, objects, text) => {
    expect(beyond(DEFAULT_LIMITS, objects, 100)).toEqual([text]);
  });

  test.each([
    ['made or changed', [fate('Namespace', 'a', 'create', ''), fate('PersistentVolumeClaim', 'b', 'change')]],
    ['of the same name in another group', [fate('Namespace.example.com', 'a', 'delete')]],
    ['of another kind', [fate('PersistentVolume', 'a', 'delete', '')]],
  ])('what is %s does', (_what, objects) => {
    expect(beyond(DEFAULT_LIMITS, objects, 100)).toEqual([]);
  });

  test.each([
    [4, 9, false],
    [9, 9, false],
    [5, 10, false],
    [6, 10, true],
    [10, 10, true],
    [5, 11, false],
    [50, 100, false],
    [51, 100, true],
    [500_000, 1_000_000, false],
    [500_001, 1_000_000, true],
  ])('%i of %i objects are too many: %s', (count, owned, is) => {
    expect(beyond(DEFAULT_LIMITS, gone(count), owned)).toEqual(
      is ? [`the deletion of ${count} of ${owned} objects, where 50 percent may go`] : [],
    );
  });

  test.each([
    ['nothing is said to be there', 12, 0],
    ['fewer are said to be there than go', 12, 9],
  ])('a unit that goes whole is one though %s', (_how, count, owned) => {
    expect(beyond(DEFAULT_LIMITS, gone(count), owned)).toEqual([
      `the deletion of ${count} of ${count} objects, where 50 percent may go`,
    ]);
  });
});

describe('a policy', () => {
  test.each([
    [0, 0, false],
    [0, 1, true],
    [2, 2, false],
    [2, 3, true],
  ])('that lets %i go holds when %i do: %s', (maxDeletes, count, is) => {
    expect(beyond({ maxDeletes }, gone(count), 100)).toEqual(
      is ? [`the deletion of ${count} objects, where ${maxDeletes} may go`] : [],
    );
  });

  test.each([
    [0, 0, 5, false],
    [0, 1, 1_000, true],
    [33, 1, 3, true],
    [34, 1, 3, false],
    [50, 1, 2, false],
    [100, 2, 2, false],
    [99, 2, 2, true],
    [10, 1, 0, true],
  ])('that lets %i percent go holds when %i of %i do: %s', (maxDeletePercent, count, owned, is) => {
    expect(beyond({ maxDeletePercent }, gone(count), owned).length > 0).toBe(is);
  });

  test.each([
    ['a kind', { kind: 'Secret' }, true],
    ['a kind of its group', { kind: 'Secret.' }, true],
    ['a kind of another group', { kind: 'Secret.example.com' }, false],
    ['a name', { kind: 'Secret', name: 'db-*' }, true],
    ['another name', { kind: 'Secret', name: 'web-*' }, false],
    ['a namespace', { kind: 'Secret', namespace: 'sh*' }, true],
    ['another namespace', { kind: 'Secret', namespace: 'prod' }, false],
    ['name and namespace', { kind: 'Secret', namespace: 'shop', name: 'db-key' }, true],
    ['name and another namespace', { kind: 'Secret', namespace: 'prod', name: 'db-key' }, false],
  ])('protects by %s', (_what, rule, is) => {
    const objects = [fate('Secret', 'db-key', 'delete'), fate('ConfigMap', 'a', 'delete')];
    expect(beyond({ protected: [rule] }, objects, 10)).toEqual(is ? ['the deletion of Secret/shop/db-key'] : []);
  });

  test('tells of each limit by itself', () => {
    const objects = [fate('Secret', 'a', 'delete'), fate('Secret', 'b', 'delete')];
    expect(beyond({ maxDeletes: 1, maxDeletePercent: 10, protected: [{ kind: 'Secret' }] }, objects, 4)).toEqual([
      'the deletion of Secret/shop/a, Secret/shop/b',
      'the deletion of 2 objects, where 1 may go',
      'the deletion of 2 of 4 objects, where 10 percent may go',
    ]);
  });
});

describe('whatever a change is made for', () => {
  const claim = (action: ObjectFate['action']): ObjectFate => fate('PersistentVolumeClaim', 'data', action);

  test.each<[what: string, objects: ObjectFate[], count: number]>([
    ['what is protected is not deleted to be made anew', [claim('change'), claim('delete')], 1],
    ['nor to be made where it is', [claim('create'), claim('delete')], 1],
    ['what only goes does', [claim('delete')], 0],
    ['what is not protected does', [fate('ConfigMap', 'a'), fate('ConfigMap', 'a', 'delete')], 0],
  ])('%s', (_what, objects, count) => {
    expect(beyondAlways(DEFAULT_LIMITS, change({ objects }))).toHaveLength(count);
  });

  test.each(['rollback', 'routine'] as const)('a %s asks for it, by default and by policies', (cause) => {
    const facts = change({
      cause,
      objects: [claim('change'), claim('delete'), fate('Job', 'a'), fate('Job', 'a', 'delete')],
    });
    const policies = [clusterPolicy('p', { limits: { causes: ['prune'], protected: [{ kind: 'Job' }] } })];
    const { requirements } = judgeChange(input({ change: facts, policies }));
    expect(requirements.filter(({ verdict }) => verdict === 'Missing').map(({ policy }) => policy)).toEqual([
      'ClusterReleasePolicy/p',
      'default-limits',
    ]);
  });
});
