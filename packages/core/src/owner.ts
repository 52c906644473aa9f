import { APPLY_MANAGER, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import type { KubeObject, UnitRef } from '@plumb/api';

/** The kinds that own objects, and the labels that say so (fluxcd/pkg ssa, helm-controller). */
const OWNERS = [
  { kind: 'Kustomization', name: OWNER_NAME_LABEL, namespace: OWNER_NAMESPACE_LABEL },
  { kind: 'HelmRelease', name: 'helm.toolkit.fluxcd.io/name', namespace: 'helm.toolkit.fluxcd.io/namespace' },
] as const;

/** The labels a unit sets on each of its objects. */
export function ownerLabels(unit: UnitRef): Record<string, string> {
  const labels = OWNERS.find((owner) => owner.kind === unit.kind) ?? OWNERS[0];
  return { [labels.name]: unit.name, [labels.namespace]: unit.namespace };
}

/**
 * The unit an object's owner labels name; null without a full pair. With the labels of both kinds, the one whose field
 * manager asks comes first.
 */
export function ownerOf(object: Pick<KubeObject, 'metadata'>, manager: string = APPLY_MANAGER): UnitRef | null {
  const labels = object.metadata.labels ?? {};
  const order = manager === 'helm-controller' ? OWNERS.toReversed() : OWNERS;
  for (const owner of order) {
    const name = labels[owner.name];
    const namespace = labels[owner.namespace];
    if (name !== undefined && namespace !== undefined) return { kind: owner.kind, namespace, name };
  }
  return null;
}

export function isSameUnit(a: UnitRef | null, b: UnitRef): boolean {
  return a !== null && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}
