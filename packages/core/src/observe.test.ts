import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { observe } from './observe.ts';
import { isSameUnit, ownerLabels, ownerOf } from './owner.ts';

const KUSTOMIZATION = { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' };
const RELEASE = { kind: 'HelmRelease', namespace: 'shop', name: 'cart' };

const object = (labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'x',
    namespace: 'shop',
    uid: 'u1',
    resourceVersion: '7',
    labels,
    managedFields: [
      { manager: 'kustomize-controller', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ],
  },
  data: { a: '1' },
});

test('an object is kept as a few strings', () => {
  const seen = observe(object(ownerLabels(KUSTOMIZATION)), 'kustomize-controller');
  expect(seen).toEqual({
    uid: 'u1',
    resourceVersion: '7',
    ownedHash: expect.stringMatching(/^[0-9a-f]{16}$/),
    health: { status: 'Current', message: 'Resource is always ready' },
    owner: KUSTOMIZATION,
  });
});

test('the rules a live object carries are kept only where they are not the defaults', () => {
  const seen = observe(object({ 'kustomize.toolkit.fluxcd.io/prune': 'disabled' }), 'kustomize-controller');
  expect(seen.rules).toEqual({ ssa: 'Override', force: false, prune: false, reconcile: true });
  expect(seen.owner).toBeNull();
});

test('what kubectl left is noted', () => {
  const given = object({});
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  const edited = [...(given.metadata.managedFields ?? []), { manager: 'kubectl-edit', operation: 'Update' as const }];
  const former = (metadata: object): unknown =>
    observe({ ...given, metadata: { ...given.metadata, ...metadata } }, 'kustomize-controller').former;
  expect(former({})).toBeUndefined();
  expect(former({ annotations })).toBe(true);
  expect(former({ managedFields: edited })).toBe(true);
});

test('an object without identity yet reads as empty', () => {
  const seen = observe({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }, 'kustomize-controller');
  expect(seen).toMatchObject({ uid: '', resourceVersion: '', ownedHash: '', owner: null });
});

test('both kinds of unit are read from their own labels, and both pairs by who asks', () => {
  expect(ownerOf(object(ownerLabels(RELEASE)))).toEqual(RELEASE);
  const both = object({ ...ownerLabels(RELEASE), ...ownerLabels(KUSTOMIZATION) });
  expect(ownerOf(both)).toEqual(KUSTOMIZATION);
  expect(ownerOf(both, 'helm-controller')).toEqual(RELEASE);
});

test('half a pair of labels names nobody', () => {
  expect(ownerOf(object({ 'kustomize.toolkit.fluxcd.io/name': 'apps' }))).toBeNull();
  expect(ownerOf({ metadata: { name: 'x' } })).toBeNull();
});

test('units are the same by kind, namespace and name', () => {
  expect(isSameUnit(KUSTOMIZATION, { ...KUSTOMIZATION })).toBe(true);
  expect(isSameUnit(null, KUSTOMIZATION)).toBe(false);
  for (const other of [{ kind: 'HelmRelease' }, { namespace: 'x' }, { name: 'x' }]) {
    expect(isSameUnit({ ...KUSTOMIZATION, ...other }, KUSTOMIZATION)).toBe(false);
  }
});
