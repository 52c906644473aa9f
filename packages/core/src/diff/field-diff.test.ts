import type { KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldChanges } from './field-diff.ts';

const object = (parts: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', ...metadata },
  ...parts,
});
const container = (name: string, image: string): object => ({ name, image });

describe('what differs is named by its path', () => {
  test.each<{ name: string; before: KubeObject; after: KubeObject; changes: [string, unknown, unknown][] }>([
    {
      name: 'a scalar',
      before: object({ spec: { replicas: 2 } }),
      after: object({ spec: { replicas: 3 } }),
      changes: [['spec.replicas', 2, 3]],
    },
    {
      name: 'a field that came and one that went',
      before: object({ spec: { a: 1 } }),
      after: object({ spec: { b: { c: 1 } } }),
      changes: [
        ['spec.a', 1, undefined],
        ['spec.b', undefined, { c: 1 }],
      ],
    },
    {
      name: 'an item by its name, wherever it stands',
      before: object({ spec: { containers: [container('a', '1'), container('b', '1')] } }),
      after: object({ spec: { containers: [container('b', '2'), container('a', '1')] } }),
      changes: [['spec.containers[name=b].image', '1', '2']],
    },
    {
      name: 'an item without a name by its place',
      before: object({ spec: { args: ['x', 'y'] } }),
      after: object({ spec: { args: ['x', 'z', 'y'] } }),
      changes: [
        ['spec.args[1]', 'y', 'z'],
        ['spec.args[2]', undefined, 'y'],
      ],
    },
    {
      name: 'a key with dots',
      before: object({}, { annotations: { 'example.com/a': '1' } }),
      after: object({}, { annotations: { 'example.com/a': '2' } }),
      changes: [['metadata.annotations[example.com/a]', '1', '2']],
    },
    {
      name: 'the same integer is the same, however large it is kept',
      before: object({ spec: { a: 5n } }),
      after: object({ spec: { a: 5 } }),
      changes: [],
    },
    {
      name: 'not what only the server writes',
      before: object({ status: { a: 1 } }, { resourceVersion: '1', uid: 'a', generation: 1 }),
      after: object({ status: { a: 2 } }, { resourceVersion: '2', uid: 'b', generation: 2 }),
      changes: [],
    },
  ])('$name', ({ before, after, changes }) => {
    expect(fieldChanges(before, after)).toEqual(changes.map(([path, from, to]) => ({ path, before: from, after: to })));
  });

  test('an object that is new or gone as a whole', () => {
    expect(fieldChanges(null, object({}))).toMatchObject([{ path: '', before: undefined }]);
    expect(fieldChanges(object({}), null)).toMatchObject([{ path: '', after: undefined }]);
  });
});

const json = fc.jsonValue({ maxDepth: 4 });
test('equal objects have no changes, and a change is found both ways', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(fieldChanges(object({ spec: a }), object({ spec: structuredClone(a) }))).toEqual([]);
      const there = fieldChanges(object({ spec: a }), object({ spec: b }));
      const back = fieldChanges(object({ spec: b }), object({ spec: a }));
      expect(back.map(({ path }) => path).sort()).toEqual(there.map(({ path }) => path).sort());
    }),
  );
});
