import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { describe, expect, it } from 'vitest';
import { takeOverPatch } from './take-over.ts';

const HOW = { manager: 'kustomize-controller', overridden: ['argocd'] };
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

function entry(
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: JsonObject,
  subresource = '',
): ManagedFieldsEntry {
  return {
    manager,
    operation,
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource && { subresource }),
  };
}

const A = { 'f:data': { 'f:a': {} } };
const B = { 'f:data': { '.': {}, 'f:b': {} } };
const declared: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'shop' } };

function live(managedFields: ManagedFieldsEntry[], metadata: object = {}): KubeObject {
  return { ...declared, metadata: { ...declared.metadata, resourceVersion: '7', managedFields, ...metadata } };
}

/** The managedFields a patch leaves; null when it is empty. */
function fieldsAfter(object: KubeObject, body = declared): ManagedFieldsEntry[] | null {
  const patch = takeOverPatch(object, body, HOW);
  if (patch.length === 0) return null;
  const replaced = patch.find((operation) => operation['path'] === '/metadata/managedFields');
  return (replaced?.['value'] ?? object.metadata.managedFields) as unknown as ManagedFieldsEntry[];
}

describe('takeOverPatch', () => {
  it.each<[string, ManagedFieldsEntry]>([
    ['kubectl apply', entry('kubectl-client-side-apply', 'Update', A)],
    ['kubectl apply --server-side', entry('kubectl', 'Apply', A)],
    ['kubectl edit', entry('kubectl-edit', 'Update', A)],
    ['an apply before managed fields', entry('before-first-apply', 'Update', A)],
    ['our own updates', entry('kustomize-controller', 'Update', A)],
    ['an overridden manager', entry('argocd-controller', 'Apply', A)],
    ['the updates of an overridden manager', entry('argocd-controller', 'Update', A)],
  ])('makes the fields of %s ours', (_name, other) => {
    expect(fieldsAfter(live([other]))).toEqual([entry('kustomize-controller', 'Apply', A)]);
  });

  it.each<[string, ManagedFieldsEntry]>([
    ['our own apply', entry('kustomize-controller', 'Apply', A)],
    ['another controller', entry('kube-controller-manager', 'Update', A)],
    ['edits that are meant to stay', entry('flux-client-side-apply', 'Apply', A)],
    ['status that kubectl wrote', entry('kubectl-edit', 'Update', A, 'status')],
    ['a scale by kubectl', entry('kubectl', 'Update', A, 'scale')],
    ['another controller that begins like ours', entry('kustomize-controller-two', 'Update', A)],
  ])('leaves %s', (_name, other) => {
    expect(fieldsAfter(live([other]))).toBeNull();
  });

  it('adds what it takes to what we own, and keeps the others', () => {
    const other = entry('vpa', 'Update', { 'f:data': { 'f:c': {} } });
    const ours = { ...entry('kustomize-controller', 'Apply', A), time: '2026-01-01T00:00:00Z' };
    const all = [entry('kubectl-client-side-apply', 'Update', B), ours, other, entry('kubectl-edit', 'Update', A)];
    expect(fieldsAfter(live(all))).toEqual([
      other,
      { ...ours, fieldsV1: { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } } },
    ]);
  });

  it('keeps that a node itself is owned, whichever side says so', () => {
    const whole = entry('kubectl', 'Apply', { 'f:data': {} });
    const part = entry('kustomize-controller', 'Apply', A);
    const both = { 'f:data': { '.': {}, 'f:a': {} } };
    expect(fieldsAfter(live([whole, part]))?.[0]?.fieldsV1).toEqual(both);
    const swapped = [entry('kubectl', 'Apply', A), entry('kustomize-controller', 'Apply', { 'f:data': {} })];
    expect(fieldsAfter(live(swapped))?.[0]?.fieldsV1).toEqual(both);
  });

  it('removes the notes of earlier tools, and owns them no longer', () => {
    const fields = { 'f:metadata': { 'f:annotations': { [`f:${LAST_APPLIED}`]: {} } }, ...A };
    const object = live([entry('kubectl-client-side-apply', 'Update', fields)], {
      annotations: { [LAST_APPLIED]: '{}', keep: 'me' },
      labels: { 'fluxcd.io/sync-gc-mark': 'sha256.x' },
    });
    expect(takeOverPatch(object, declared, HOW)).toEqual([
      { op: 'remove', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration' },
      { op: 'remove', path: '/metadata/labels/fluxcd.io~1sync-gc-mark' },
      { op: 'replace', path: '/metadata/managedFields', value: [entry('kustomize-controller', 'Apply', A)] },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ]);
  });

  it('removes the notes even where no fields are taken', () => {
    const object = live([entry('kustomize-controller', 'Apply', A)], { annotations: { [LAST_APPLIED]: '{}' } });
    expect(takeOverPatch(object, declared, HOW)).toMatchObject([
      { op: 'remove', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration' },
      { op: 'replace', path: '/metadata/resourceVersion' },
    ]);
  });

  it('takes ignored fields from those managers, and makes them nobody’s', () => {
    const kubectl = entry('kubectl-client-side-apply', 'Update', { 'f:data': { 'f:a': {}, 'f:b': {} } });
    const patch = takeOverPatch(live([kubectl]), declared, { ...HOW, ignored: ['/data/b'] });
    expect(patch[0]).toMatchObject({ value: [entry('kustomize-controller', 'Apply', A)] });
  });

  it('gives ignored fields up where there is nothing to take, and where the object asks to merge', () => {
    const ours = entry('kustomize-controller', 'Apply', { 'f:data': { 'f:a': {}, 'f:b': {} } });
    const how = { ...HOW, ignored: ['/data/b'] };
    const merges = { annotations: { 'kustomize.toolkit.fluxcd.io/ssa': 'merge' } };
    for (const metadata of [{}, merges]) {
      expect(takeOverPatch(live([ours], metadata), declared, how)).toEqual([
        { op: 'replace', path: '/metadata/managedFields', value: [entry('kustomize-controller', 'Apply', A)] },
        { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
      ]);
    }
    expect(takeOverPatch(live([entry('kustomize-controller', 'Apply', A)]), declared, how)).toEqual([]);
  });

  it('leaves a note that is declared', () => {
    const annotations = { [LAST_APPLIED]: '{}' };
    const body = { ...declared, metadata: { ...declared.metadata, annotations } };
    expect(takeOverPatch(live([], { annotations }), body, HOW)).toEqual([]);
  });

  it.each(['declared', 'live'])('takes nothing over where the %s object asks to merge', (side) => {
    const annotations = { 'kustomize.toolkit.fluxcd.io/ssa': 'merge' };
    const entries = [entry('kubectl-client-side-apply', 'Update', A)];
    const body = { ...declared, metadata: { ...declared.metadata, ...(side === 'declared' && { annotations }) } };
    expect(takeOverPatch(live(entries, side === 'live' ? { annotations } : {}), body, HOW)).toEqual([]);
  });
});
