import { OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { withoutIgnored } from './strip.ts';

const OURS = { [OWNER_NAME_LABEL]: 'apps', [OWNER_NAMESPACE_LABEL]: 'flux-system' };

function cart(): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'cart',
      namespace: 'shop',
      labels: { ...OURS, app: 'cart' },
      annotations: { 'a/b': '1', '~': '2' },
    },
    spec: {
      replicas: 2,
      template: {
        containers: [
          { name: 'app', image: 'app:1' },
          { name: 'log', image: 'log:1' },
        ],
        empty: {},
      },
    },
  };
}

const containers = (object: KubeObject): unknown =>
  (object['spec'] as { template?: { containers?: unknown } } | undefined)?.template?.containers;
const metadata = (object: KubeObject): object => object.metadata;

describe('a pointer takes out', () => {
  test.each<[what: string, pointers: string[], left: (object: KubeObject) => unknown, is: unknown]>([
    ['a field', ['/spec/replicas'], (object) => Object.keys(object['spec'] as object), ['template']],
    [
      'a field of an item',
      ['/spec/template/containers/0/image'],
      containers,
      [{ name: 'app' }, { name: 'log', image: 'log:1' }],
    ],
    ['an item', ['/spec/template/containers/0'], containers, [{ name: 'log', image: 'log:1' }]],
    [
      'items by their places before any went',
      ['/spec/template/containers/0', '/spec/template/containers/1/image'],
      containers,
      [{ name: 'log' }],
    ],
    ['a list that became empty', ['/spec/template/containers/0', '/spec/template/containers/1'], containers, undefined],
    ['the longer beside the shorter', ['/spec/template', '/spec/template/containers/0'], containers, undefined],
    ['a name with a slash', ['/metadata/annotations/a~1b'], (o) => o.metadata.annotations, { '~': '2' }],
    ['a name with a tilde', ['/metadata/annotations/~0'], (o) => o.metadata.annotations, { 'a/b': '1' }],
    [
      'a map that became empty',
      ['/metadata/annotations/a~1b', '/metadata/annotations/~0'],
      (o) => Object.keys(metadata(o)),
      ['name', 'namespace', 'labels'],
    ],
    ['all of a section', ['/spec'], (o) => o['spec'], undefined],
  ])('%s', (_what, pointers, left, is) => {
    expect(left(withoutIgnored(cart(), pointers))).toEqual(is);
  });
});

describe('what an object is and whose it is stays', () => {
  test.each([
    ['/metadata'],
    ['/metadata/labels'],
    [`/metadata/labels/${OWNER_NAME_LABEL.replace('/', '~1')}`],
    ['/kind'],
    ['/apiVersion'],
    ['/metadata/name'],
  ])('%s', (pointer) => {
    const { apiVersion, kind, metadata: left } = withoutIgnored(cart(), [pointer]);
    expect({ apiVersion, kind, name: left.name, namespace: left.namespace }).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'cart',
      namespace: 'shop',
    });
    expect(left.labels).toMatchObject(OURS);
  });
});

describe('what points to nothing changes nothing', () => {
  test.each([
    '',
    '/',
    'spec/replicas',
    '/spec/none',
    '/spec/replicas/0',
    '/spec/template/containers/2',
    '/spec/template/containers/-',
    '/spec/template/containers/-1',
    '/spec/template/containers/00',
    '/spec/template/containers/name',
    '/constructor',
    '/spec/toString',
  ])('%j', (pointer) => {
    const object = cart();
    expect(withoutIgnored(object, [pointer])).toBe(object);
  });
});

test('the object itself stays as it was, and keeps what was declared empty', () => {
  const object = cart();
  const stripped = withoutIgnored(object, ['/spec/replicas']);
  expect(object).toEqual(cart());
  expect(stripped['spec']).toMatchObject({ template: { empty: {} } });
});
