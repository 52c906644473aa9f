import { OWNER_NAME_LABEL } from '@plumb/api';
import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { releasePatch } from './release.ts';

const MANAGER = 'kustomize-controller';

const entry = (manager: string, fieldsV1: JsonObject, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: 'Apply',
  fieldsV1,
  ...more,
});

const FIELDS = {
  'f:metadata': {
    'f:labels': { '.': {}, [`f:${OWNER_NAME_LABEL}`]: {}, 'f:app': {} },
    'f:annotations': { '.': {}, 'f:a/b': {} },
  },
  'f:spec': {
    'f:replicas': {},
    'f:selector': {},
    'f:containers': {
      'k:{"name":"app"}': {
        '.': {},
        'f:name': {},
        'f:image': {},
        'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
      },
      'k:{"name":"log"}': { '.': {}, 'f:name': {}, 'f:image': {} },
    },
    'f:finalizers': { '.': {}, 'v:"a"': {} },
  },
} as const satisfies JsonObject;

const SPEC = {
  replicas: 2,
  selector: { app: 'x' },
  containers: [
    { name: 'log', image: 'log:1' },
    { name: 'app', image: 'app:1', ports: [{ containerPort: 80 }] },
  ],
  finalizers: ['a'],
};

function live(fields: JsonObject, others: ManagedFieldsEntry[] = []): KubeObject {
  const containers = [{ name: 'mesh' }, { name: 'app' }, { name: 'log' }];
  const managedFields = [...others, entry(MANAGER, fields)];
  return {
    apiVersion: 'v1',
    kind: 'Widget',
    metadata: { name: 'x', resourceVersion: '7', managedFields },
    spec: { ...SPEC, containers },
  };
}

const declared = (spec: unknown = SPEC): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Widget',
  metadata: { name: 'x' },
  spec,
});

/** What is left of our set; null when nothing is to be released. */
function left(pointers: string[], fields: JsonObject = FIELDS, spec: unknown = SPEC): JsonObject | null {
  const patch = releasePatch({ declared: declared(spec), live: live(fields) }, { manager: MANAGER, pointers });
  if (patch.length === 0) return null;
  expect(patch[1]).toEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '7' });
  const [ours] = (patch[0]?.['value'] ?? []) as unknown as ManagedFieldsEntry[];
  return ours?.fieldsV1 ?? {};
}

const { 'f:spec': SPEC_FIELDS, 'f:metadata': METADATA_FIELDS } = FIELDS;
const { 'k:{"name":"app"}': APP, 'k:{"name":"log"}': LOG } = SPEC_FIELDS['f:containers'];
const spec = (changes: JsonObject): JsonObject => ({ ...FIELDS, 'f:spec': { ...SPEC_FIELDS, ...changes } });

describe('our set without', () => {
  test.each<[what: string, pointers: string[], fields: JsonObject]>([
    [
      'an item’s field, by its place in the declaration',
      ['/spec/containers/0/image'],
      spec({ 'f:containers': { 'k:{"name":"app"}': APP, 'k:{"name":"log"}': { '.': {}, 'f:name': {} } } }),
    ],
    ['an item', ['/spec/containers/1'], spec({ 'f:containers': { 'k:{"name":"log"}': LOG } })],
    [
      'an item known by a key with a default; the list we have nothing more of goes with it',
      ['/spec/containers/1/ports/0'],
      spec({
        'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:name': {}, 'f:image': {} }, 'k:{"name":"log"}': LOG },
      }),
    ],
    [
      'the last field of a map, and the map',
      ['/metadata/annotations/a~1b'],
      { ...FIELDS, 'f:metadata': { 'f:labels': METADATA_FIELDS['f:labels'] } },
    ],
    [
      'labels, but for those that say whose it is',
      ['/metadata/labels'],
      { ...FIELDS, 'f:metadata': { ...METADATA_FIELDS, 'f:labels': { '.': {}, [`f:${OWNER_NAME_LABEL}`]: {} } } },
    ],
    [
      'metadata, but for those labels',
      ['/metadata'],
      { ...FIELDS, 'f:metadata': { 'f:labels': { '.': {}, [`f:${OWNER_NAME_LABEL}`]: {} } } },
    ],
    [
      'a value owned in one piece',
      ['/spec/selector'],
      (() => {
        const { 'f:selector': _selector, ...rest } = SPEC_FIELDS;
        return { ...FIELDS, 'f:spec': rest };
      })(),
    ],
    [
      'an item of a set',
      ['/spec/finalizers/0'],
      (() => {
        const { 'f:finalizers': _finalizers, ...rest } = SPEC_FIELDS;
        return { ...FIELDS, 'f:spec': rest };
      })(),
    ],
    [
      'everything',
      ['/spec', '/metadata/labels/app', '/metadata/annotations'],
      { 'f:metadata': { 'f:labels': { '.': {}, [`f:${OWNER_NAME_LABEL}`]: {} } } },
    ],
  ])('%s', (_what, pointers, fields) => {
    expect(left(pointers)).toEqual(fields);
  });

  test('what was declared before and is not any more, by its live place', () => {
    const { containers: _containers, ...rest } = SPEC;
    expect(left(['/spec/containers/1/image'], FIELDS, rest)).toEqual(
      spec({
        'f:containers': {
          'k:{"name":"app"}': { '.': {}, 'f:name': {}, 'f:ports': APP['f:ports'] },
          'k:{"name":"log"}': LOG,
        },
      }),
    );
  });
});

describe('nothing is released', () => {
  test.each([
    ['of what we do not hold', '/spec/minReadySeconds'],
    ['of an item that is not declared', '/spec/containers/2/image'],
    ['inside a value owned in one piece', '/spec/selector/app'],
    ['by a pointer to nothing', '/spec/containers/name'],
    ['by what is no pointer', 'spec/replicas'],
    ['of the labels that say whose it is', `/metadata/labels/${OWNER_NAME_LABEL.replace('/', '~1')}`],
  ])('%s', (_why, pointer) => {
    expect(left([pointer])).toBeNull();
  });

  test('of the fields of others, of our updates and of our status', () => {
    const others = [
      entry('hpa', { 'f:spec': { 'f:replicas': {} } }),
      entry(MANAGER, { 'f:spec': { 'f:replicas': {} } }, { operation: 'Update' }),
      entry(MANAGER, { 'f:spec': { 'f:replicas': {} } }, { subresource: 'status' }),
    ];
    const how = { manager: MANAGER, pointers: ['/spec/replicas'] };
    const patch = releasePatch({ declared: declared(), live: live({ 'f:spec': { 'f:size': {} } }, others) }, how);
    expect(patch).toEqual([]);
  });
});

test('an entry that has nothing left goes', () => {
  const how = { manager: MANAGER, pointers: ['/spec/replicas'] };
  const patch = releasePatch({ declared: declared(), live: live({ 'f:spec': { 'f:replicas': {} } }) }, how);
  expect(patch[0]).toMatchObject({ path: '/metadata/managedFields', value: [] });
});
