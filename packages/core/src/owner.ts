import type { KubeObject, UnitRef } from '@plumb/api';

/** The kinds that own objects, and the prefix of the labels that say so (fluxcd/pkg ssa, helm-controller). */
const OWNERS = [
  ['Kustomization', 'kustomize.toolkit.fluxcd.io'],
  ['HelmRelease', 'helm.toolkit.fluxcd.io'],
] as const;

/** The labels a unit sets on each of its objects. */
export function ownerLabels(unit: UnitRef): Record<string, string> {
  const prefix = OWNERS.find(([kind]) => kind === unit.kind)?.[1] ?? OWNERS[0][1];
  return { [`${prefix}/name`]: unit.name, [`${prefix}/namespace`]: unit.namespace };
}

/**
 * The unit an object's owner labels name; null without a full pair. With the labels of both kinds, the one whose field
 * manager asks comes first.
 */
export function ownerOf(object: Pick<KubeObject, 'metadata'>, manager = 'kustomize-controller'): UnitRef | null {
  const labels = object.metadata.labels ?? {};
  const order = manager === 'helm-controller' ? OWNERS.toReversed() : OWNERS;
  for (const [kind, prefix] of order) {
    const name = labels[`${prefix}/name`];
    const namespace = labels[`${prefix}/namespace`];
    if (name !== undefined && namespace !== undefined) return { kind, namespace, name };
  }
  return null;
}

export function isSameUnit(a: UnitRef | null, b: UnitRef): boolean {
  return a !== null && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}
