import type { UnitRef } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { isSameUnit, ownerLabels, ownerOf, OWNERSHIPS, ownershipOf } from './owner.ts';

const KUSTOMIZATION: UnitRef = { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' };
const RELEASE: UnitRef = { kind: 'HelmRelease', namespace: 'shop', name: 'cart' };
const object = (labels?: Record<string, string>) => ({ metadata: { name: 'x', ...(labels && { labels }) } });
const both = object({ ...ownerLabels(KUSTOMIZATION), ...ownerLabels(RELEASE) });

test.each([
  ['Kustomization', 'kustomize-controller', 'kustomize.toolkit.fluxcd.io/name'],
  ['HelmRelease', 'helm-controller', 'helm.toolkit.fluxcd.io/name'],
  ['GitRepository', 'kustomize-controller', 'kustomize.toolkit.fluxcd.io/name'],
])('%s: applied as %s, marked by %s', (kind, manager, nameLabel) => {
  expect(ownershipOf({ kind })).toMatchObject({ manager, nameLabel });
});

test('the labels of a unit are those its objects are found by', () => {
  expect(ownerLabels(RELEASE)).toEqual({
    'helm.toolkit.fluxcd.io/name': 'cart',
    'helm.toolkit.fluxcd.io/namespace': 'shop',
  });
  for (const unit of [KUSTOMIZATION, RELEASE]) {
    expect(ownerOf(object(ownerLabels(unit)), ownershipOf(unit).manager)).toEqual(unit);
  }
});

describe('the owner of an object', () => {
  test.each<[string, ReturnType<typeof object>, UnitRef | null]>([
    ['without labels', object(), null],
    ['with labels of others', object({ app: 'cart' }), null],
    ['with a name alone', object({ 'helm.toolkit.fluxcd.io/name': 'cart' }), null],
    ['with a namespace alone', object({ 'helm.toolkit.fluxcd.io/namespace': 'shop' }), null],
    [
      'with a half of either kind',
      object({ 'helm.toolkit.fluxcd.io/name': 'cart', 'kustomize.toolkit.fluxcd.io/namespace': 'shop' }),
      null,
    ],
    ['of a release', object(ownerLabels(RELEASE)), RELEASE],
    ['of a Kustomization', object(ownerLabels(KUSTOMIZATION)), KUSTOMIZATION],
  ])('%s', (_name, given, owner) => {
    for (const { manager } of Object.values(OWNERSHIPS)) expect(ownerOf(given, manager)).toEqual(owner);
  });

  // A HelmRelease in Git is applied by a Kustomization; what its chart makes may carry the labels of both.
  test('with the labels of both kinds is that of the kind that asks', () => {
    expect(ownerOf(both, 'helm-controller')).toEqual(RELEASE);
    expect(ownerOf(both, 'kustomize-controller')).toEqual(KUSTOMIZATION);
    expect(ownerOf(both)).toEqual(KUSTOMIZATION);
  });

  test('is the unit of that kind, namespace and name, and no other', () => {
    expect(isSameUnit(RELEASE, { ...RELEASE })).toBe(true);
    expect(isSameUnit(null, RELEASE)).toBe(false);
    for (const other of [{ kind: 'Kustomization' }, { namespace: 'data' }, { name: 'till' }])
      expect(isSameUnit(RELEASE, { ...RELEASE, ...other })).toBe(false);
  });
});
