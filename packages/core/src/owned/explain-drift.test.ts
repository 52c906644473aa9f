import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { explainDrift } from './explain-drift.ts';
import { DEPLOYMENT, MANAGER } from './testdata/samples.ts';

const { desired, live } = DEPLOYMENT;

describe('on a real Deployment', () => {
  test.each<[keyof typeof live, string[], string[]]>([
    ['applied', [], []],
    ['others-added', [], []],
    ['shared', [], []],
    ['scaled', ['spec.replicas'], ['kubectl']],
    ['takeover', ['spec.replicas'], ['autoscaler']],
    ['image', ['spec.template.spec.containers[name=app].image'], ['kubectl-set']],
    ['args', ['spec.template.spec.containers[name=app].args'], ['kubectl-patch']],
    ['label-removed', ['metadata.labels[kustomize.toolkit.fluxcd.io/name]'], []],
    [
      'removed',
      ['spec.template.spec.containers[name=app].env[name=LEVEL]', 'spec.template.spec.containers[name=proxy]'],
      [],
    ],
  ])('%s', (state, paths, managers) => {
    expect(explainDrift(desired, live[state], MANAGER)).toEqual({ paths, managers, more: 0 });
  });
});

const object = (fields: Record<string, unknown>, managedFields: ManagedFieldsEntry[] = []): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'shop', managedFields },
  ...fields,
});
const update = (manager: string | undefined, time: string | undefined, fieldsV1: JsonObject): ManagedFieldsEntry => ({
  operation: 'Update',
  fieldsV1,
  ...(manager === undefined ? {} : { manager }),
  ...(time === undefined ? {} : { time }),
});
const own = (fieldsV1: JsonObject): ManagedFieldsEntry => ({ manager: MANAGER, operation: 'Apply', fieldsV1 });

test('no value of a Secret is told', () => {
  const wanted = { ...object({ data: { password: 'aHVudGVyMg==', 'tls.key': 'c2VjcmV0' } }), kind: 'Secret' };
  const seen = { ...wanted, data: { password: 'Y2hhbmdlZA==' } };
  const told = JSON.stringify(explainDrift(wanted, seen, MANAGER));
  expect(told).toBe('{"paths":["data.password","data[tls.key]"],"managers":[],"more":0}');
});

test('the last writer comes first, each once, and many are cut', () => {
  const fields = { 'f:data': { 'f:a': {} } };
  const entries = ['b', 'c', 'd', 'e', 'f', 'g', 'b'].map((name, at) =>
    update(name, `2026-01-0${at + 1}T00:00:00Z`, fields),
  );
  const drift = explainDrift(
    object({ data: { a: '1' } }),
    object({ data: { a: '2' } }, [...entries, update(undefined, undefined, fields)]),
    MANAGER,
  );
  expect(drift).toEqual({ paths: ['data.a'], managers: ['b', 'g', 'f', 'e', 'd'], more: 0 });
});

test('a writer without a name or a time is told all the same', () => {
  const entries = [
    update(undefined, undefined, { 'f:data': { 'f:a': {} } }),
    { manager: 'x', operation: 'Update' as const },
  ];
  expect(explainDrift(object({ data: { a: '1' } }), object({ data: { a: '2' } }, entries), MANAGER).managers).toEqual([
    'unknown',
  ]);
});

test('whoever owns something whole above a path, or something below it, wrote it', () => {
  const above = update('whole', '1', { 'f:data': {} });
  const below = update('part', '2', { 'f:data': { 'f:a': { 'f:b': {} } } });
  const beside = update('beside', '3', { 'f:data': { 'f:z': {} } });
  const drift = explainDrift(
    object({ data: { a: '1' } }),
    object({ data: { a: '2' } }, [above, below, beside]),
    MANAGER,
  );
  expect(drift.managers).toEqual(['part', 'whole']);
});

test('many paths are cut, and counted', () => {
  const data = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`key${index}`, 'x']));
  const drift = explainDrift(object({ data }), object({}), MANAGER);
  expect(drift.paths).toEqual(['data']);
  const each = explainDrift(object({ data }), object({ data: {} }), MANAGER);
  expect([each.paths.length, each.paths[0], each.more]).toEqual([10, 'data.key0', 15]);
});

test('what is declared empty or stored as nothing is no drift', () => {
  const wanted = object({ data: {}, immutable: false, binaryData: null, spec: { list: [], text: '' } });
  expect(explainDrift(wanted, object({ spec: {} }), MANAGER).paths).toEqual([]);
  expect(
    explainDrift({ ...wanted, apiVersion: 'b.dev/v1', spec: { text: 'x' } }, object({ spec: {} }), MANAGER).paths,
  ).toEqual(['spec.text']);
});

test('another spelling of a quantity is no drift', () => {
  expect(
    explainDrift(object({ spec: { hard: { cpu: '1000m' } } }), object({ spec: { hard: { cpu: '1' } } }), MANAGER).paths,
  ).toEqual([]);
});

test('lists are told by item where somebody owns items, and whole where nobody does', () => {
  const wanted = object({ spec: { ports: [{ port: 80, name: 'a' }], tags: ['x', 'y'], plain: [1, 2] } });
  const fields = {
    'f:spec': {
      'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:name': {} } },
      'f:tags': { '.': {}, 'v:"x"': {} },
      'f:plain': {},
    },
  };
  const seen = (spec: Record<string, unknown>): KubeObject => object({ spec }, [own(fields)]);
  const drift = explainDrift(
    wanted,
    seen({ ports: [{ port: 80, protocol: 'TCP', name: 'b' }], tags: ['x'], plain: [1] }),
    MANAGER,
  );
  expect(drift.paths).toEqual(['spec.ports[port=80,protocol=TCP].name', 'spec.tags', 'spec.plain']);
  expect(explainDrift(wanted, seen({ ports: [], tags: 'x', plain: [1, 2] }), MANAGER).paths).toEqual([
    'spec.ports[port=80,protocol=TCP]',
    'spec.tags',
  ]);
});

test('a map owned whole is told whole', () => {
  const wanted = object({ spec: { selector: { matchLabels: { app: 'a' } } } });
  const seen = object({ spec: { selector: { matchLabels: { app: 'b' } } } }, [own({ 'f:spec': { 'f:selector': {} } })]);
  expect(explainDrift(wanted, seen, MANAGER).paths).toEqual(['spec.selector']);
});

test('a key that is left out and has no default is not told', () => {
  const fields = { 'f:spec': { 'f:items': { 'k:{"id":"a","mode":"x"}': { '.': {} } } } };
  const drift = explainDrift(
    object({ spec: { items: [{ id: 'a' }] } }),
    object({ spec: { items: [] } }, [own(fields)]),
    MANAGER,
  );
  expect(drift.paths).toEqual(['spec.items[id=a]']);
});
