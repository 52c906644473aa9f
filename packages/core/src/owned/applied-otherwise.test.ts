import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { appliedOtherwise } from './applied-otherwise.ts';
import { DEPLOYMENT, KINDS, MANAGER } from './testdata/samples.ts';

const entry = (manager: string, fieldsV1: JsonObject): ManagedFieldsEntry => ({
  manager,
  operation: 'Apply',
  fieldsV1,
});
const object = (data: object, managedFields: ManagedFieldsEntry[] = []): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', managedFields },
  data,
});
const ours = (...keys: string[]): ManagedFieldsEntry =>
  entry(MANAGER, { 'f:data': Object.fromEntries(['.', ...keys.map((key) => `f:${key}`)].map((step) => [step, {}])) });
const theirs = entry('somebody', { 'f:data': { 'f:a': {} } });

describe('made so by our own apply', () => {
  test.each<[what: string, live: KubeObject, own: boolean]>([
    ['what is as declared', object({ a: '1', b: '1' }, [ours('a', 'b')]), false],
    ['another value that we own', object({ a: '2', b: '1' }, [ours('a', 'b')]), true],
    ['another value that somebody owns', object({ a: '2', b: '1' }, [ours('b'), theirs]), false],
    ['a value that somebody took away', object({ b: '1' }, [ours('b')]), false],
    ['a field we own and do not declare', object({ a: '1', b: '1', c: '1' }, [ours('a', 'b', 'c')]), true],
    ['a field somebody added', object({ a: '1', b: '1', c: '1' }, [ours('a', 'b'), theirs]), false],
    ['what we own nothing of', object({ a: '2' }), false],
  ])('%s', (_what, live, own) => {
    expect(appliedOtherwise(object({ a: '1', b: '1' }), live, MANAGER)).toBe(own);
  });

  test('an item of a list that we own and do not declare', () => {
    const item = (name: string): JsonObject => ({ [`k:{"name":"${name}"}`]: { '.': {}, 'f:name': {}, 'f:image': {} } });
    const fields = { 'f:spec': { 'f:containers': { ...item('app'), ...item('log') } } };
    const of = (names: string[], managedFields: ManagedFieldsEntry[] = []): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x', managedFields },
      spec: { containers: names.map((name) => ({ name, image: 'i' })) },
    });
    const live = of(['app', 'log'], [entry(MANAGER, fields)]);
    expect(appliedOtherwise(of(['app']), live, MANAGER)).toBe(true);
    expect(appliedOtherwise(of(['app', 'log']), live, MANAGER)).toBe(false);
  });
});

test.each(Object.keys(DEPLOYMENT.live) as (keyof typeof DEPLOYMENT.live)[])(
  'nothing that others do to an object is taken for it: %s',
  (how) => {
    expect(appliedOtherwise(DEPLOYMENT.desired, DEPLOYMENT.live[how], MANAGER)).toBe(false);
  },
);

test.each(KINDS.map(({ desired, live }) => [desired.kind, desired, live] as const))(
  'nor what the API server makes of a %s',
  (_kind, desired, live) => {
    expect(appliedOtherwise(desired, live, MANAGER)).toBe(false);
  },
);
