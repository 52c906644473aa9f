import { expect, test } from 'vitest';
import { checkChangePlan } from './check.ts';
import type { JsonObject } from './object.ts';

const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', labels: { a: 'b' } }, data: {} };
const changed = {
  key,
  action: 'change',
  path: 'apps/settings.yaml',
  outcome: 'changed',
  message: '',
  object: body,
  oldObject: body,
  fields: [{ path: 'data.a', before: '1', after: 2n }],
};
const plan: JsonObject = {
  apiVersion: 'plumb.dev/v1',
  kind: 'ChangePlan',
  change: {
    unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: { tier: 'web' } },
    namespaceLabels: null,
    cluster: 'own',
    source: { kind: 'GitRepository', namespace: 'shop', name: 'shop', revision: 'main@sha1:1' },
    cause: 'routine',
    digest: 'sha256:1',
    authors: { unknown: 'nobody asked' },
    owned: 3,
  },
  objects: [changed],
  unlisted: 0,
};
const facts = plan['change'] as JsonObject;

test.each<[string, JsonObject]>([
  ['as it is written', plan],
  ['without objects', { ...plan, objects: [] }],
  ['with what a newer Plumb writes', { ...plan, next: 1, objects: [{ ...changed, next: 1 }] }],
  ['of authors', { ...plan, change: { ...facts, authors: { authors: [], message: 'm', verified: true } } }],
  ['of an object that goes', { ...plan, objects: [{ ...changed, action: 'delete', object: null, fields: [] }] }],
])('a plan is read: %s', (_what, value) => {
  expect(checkChangePlan(value)).toEqual({ ok: true, value });
});

test.each<[string, JsonObject, string]>([
  ['another kind', { ...plan, kind: 'Change' }, 'kind'],
  ['no facts', { ...plan, change: {} }, 'change.unit'],
  ['an object without a name', { ...plan, objects: [{ ...changed, key: {} }] }, 'objects[0].key.group'],
  ['an unknown fate', { ...plan, objects: [{ ...changed, action: 'keep' }] }, 'objects[0].action'],
  [
    'a body that is none',
    { ...plan, objects: [{ ...changed, object: { kind: 'a' } }] },
    'objects[0].object.apiVersion',
  ],
])('a plan is refused: %s', (_what, value, path) => {
  const checked = checkChangePlan(value);
  expect(checked.ok ? [] : checked.problems.map((problem) => problem.path)).toContain(path);
});
