import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { declaredFor } from './declared-for.ts';

const OURS = 'kustomize-controller';

const entry = (manager: string, fieldsV1: JsonObject): ManagedFieldsEntry => ({
  manager,
  operation: 'Apply',
  fieldsV1,
});
const object = (apiVersion: string, spec: unknown, managedFields: ManagedFieldsEntry[] = []): KubeObject => ({
  apiVersion,
  kind: apiVersion === 'apps/v1' ? 'Deployment' : 'Widget',
  metadata: { name: 'x', ...(managedFields.length === 0 ? {} : { managedFields }) },
  spec,
});

const CONTAINERS = {
  'f:spec': {
    'f:replicas': {},
    'f:containers': {
      'k:{"name":"app"}': { '.': {}, 'f:name': {}, 'f:image': {} },
      'k:{"name":"log"}': { '.': {}, 'f:name': {}, 'f:image': {} },
    },
  },
};
const LIST = { 'f:spec': { 'f:rules': {} } };

interface Row {
  what: string;
  kind?: 'apps/v1';
  declared: unknown;
  live: unknown;
  fields: JsonObject;
  pointers: string[];
  apply: unknown;
  trial?: unknown;
}

const app = (image: string) => ({ name: 'app', image });
const log = (image: string) => ({ name: 'log', image });

const rows: Row[] = [
  {
    what: 'a field is left out; a trial has it as it is',
    declared: { replicas: 2, size: 1 },
    live: { replicas: 5, size: 0 },
    fields: { 'f:spec': { 'f:replicas': {}, 'f:size': {} } },
    pointers: ['/spec/replicas'],
    apply: { size: 1 },
    trial: { replicas: 5, size: 1 },
  },
  {
    what: 'a field somebody took away stays away',
    declared: { replicas: 2, size: 1 },
    live: { size: 1 },
    fields: { 'f:spec': { 'f:size': {} } },
    pointers: ['/spec/replicas'],
    apply: { size: 1 },
  },
  {
    what: 'what is not there yet is created in full',
    declared: { size: 1, limits: { cpu: 1, memory: 2 } },
    live: { size: 1 },
    fields: { 'f:spec': { 'f:size': {} } },
    pointers: ['/spec/limits/cpu'],
    apply: { size: 1, limits: { cpu: 1, memory: 2 } },
  },
  {
    what: 'an index means the declared item, wherever it stands live',
    declared: { containers: [app('app:2'), log('log:2')] },
    live: { containers: [{ name: 'mesh', image: 'mesh:1' }, log('log:9'), app('app:9')] },
    fields: CONTAINERS,
    pointers: ['/spec/containers/0/image'],
    apply: { containers: [{ name: 'app' }, log('log:2')] },
    trial: { containers: [app('app:9'), log('log:2')] },
  },
  {
    what: 'an item that is new has all its fields',
    declared: { containers: [app('app:2'), { name: 'new', image: 'new:1' }] },
    live: { containers: [app('app:9'), log('log:9')] },
    fields: CONTAINERS,
    pointers: ['/spec/containers/0/image', '/spec/containers/1/image'],
    apply: { containers: [{ name: 'app' }, { name: 'new', image: 'new:1' }] },
  },
  {
    what: 'an item as a whole',
    declared: { containers: [app('app:2'), log('log:2')] },
    live: { containers: [app('app:9'), log('log:9')] },
    fields: CONTAINERS,
    pointers: ['/spec/containers/1'],
    apply: { containers: [app('app:2')] },
    trial: { containers: [app('app:2'), log('log:9')] },
  },
  {
    what: 'inside a list that is applied in one piece the live value is taken',
    declared: {
      rules: [
        { host: 'a', port: 1 },
        { host: 'b', port: 1 },
      ],
    },
    live: { rules: [{ host: 'live', port: 9 }] },
    fields: LIST,
    pointers: ['/spec/rules/0/host', '/spec/rules/1/host'],
    apply: {
      rules: [
        { host: 'live', port: 1 },
        { host: 'b', port: 1 },
      ],
    },
  },
  {
    what: 'inside such a list what somebody added stays, and what somebody took away stays away',
    declared: { rules: [{ host: 'a', port: 1 }] },
    live: { rules: [{ port: 9, path: '/live' }] },
    fields: LIST,
    pointers: ['/spec/rules/0/host', '/spec/rules/0/path'],
    apply: { rules: [{ port: 1, path: '/live' }] },
  },
  {
    what: 'such a list as a whole is left out',
    declared: { rules: [{ host: 'a' }], size: 1 },
    live: { rules: [{ host: 'live' }] },
    fields: LIST,
    pointers: ['/spec/rules'],
    apply: { size: 1 },
  },
  {
    what: 'a list of a custom kind that nobody owns is taken for one piece',
    declared: { rules: [{ host: 'a', port: 1 }] },
    live: { rules: [{ host: 'live', port: 9 }] },
    fields: {},
    pointers: ['/spec/rules/0/host'],
    apply: { rules: [{ host: 'live', port: 1 }] },
  },
  {
    what: 'a map of a custom kind that nobody owns is not',
    declared: { limits: { cpu: 1, memory: 2 } },
    live: { limits: { cpu: 9, memory: 9 } },
    fields: {},
    pointers: ['/spec/limits/cpu'],
    apply: { limits: { memory: 2 } },
  },
  {
    what: 'a map of a built-in kind that is owned in one piece is, whoever owns it',
    kind: 'apps/v1',
    declared: { selector: { a: '1', b: '2' } },
    live: { selector: { a: '9', b: '9' } },
    fields: {},
    pointers: ['/spec/selector/a'],
    apply: { selector: { a: '9', b: '2' } },
  },
];

describe('what is declared of an object that exists', () => {
  test.each(rows)('$what', ({ kind = 'example.com/v1', declared, live, fields, pointers, apply, trial }) => {
    const there = object(kind, live, [entry(OURS, fields)]);
    const wanted = object(kind, declared);
    expect(declaredFor(wanted, there, pointers)['spec']).toEqual(apply);
    const tried = trial === undefined ? undefined : declaredFor(wanted, there, pointers, 'trial')['spec'];
    expect(tried).toEqual(trial);
    expect(wanted).toEqual(object(kind, declared));
  });

  test('is the object itself where nothing is ignored, or the pointers name nothing of it', () => {
    const wanted = object('example.com/v1', { size: 1 });
    expect(declaredFor(wanted, wanted, [])).toBe(wanted);
    expect(declaredFor(wanted, wanted, ['/spec/none', 'spec', '/spec/size/0'])).toBe(wanted);
  });

  test('never has the metadata of the live one, but keeps its name', () => {
    const there = object('example.com/v1', {}, [entry(OURS, {})]);
    const tried = declaredFor(object('example.com/v1', { size: 1 }), there, ['/metadata'], 'trial');
    expect(tried.metadata).toEqual({ name: 'x' });
  });
});
