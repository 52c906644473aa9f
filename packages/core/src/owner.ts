import {
  APPLY_MANAGER,
  HELM_APPLY_MANAGER,
  HELM_OWNER_NAME_LABEL,
  HELM_OWNER_NAMESPACE_LABEL,
  OWNER_NAME_LABEL,
  OWNER_NAMESPACE_LABEL,
} from '@plumb/api';
import type { KubeObject, UnitRef } from '@plumb/api';

/** How a kind of unit marks what it owns: by labels, and by the field manager it applies with (fluxcd/pkg ssa, helm-controller). */
export interface Ownership {
  readonly kind: 'Kustomization' | 'HelmRelease';
  readonly nameLabel: string;
  readonly namespaceLabel: string;
  readonly manager: string;
}

const KUSTOMIZATIONS: Ownership = {
  kind: 'Kustomization',
  nameLabel: OWNER_NAME_LABEL,
  namespaceLabel: OWNER_NAMESPACE_LABEL,
  manager: APPLY_MANAGER,
};

const HELM_RELEASES: Ownership = {
  kind: 'HelmRelease',
  nameLabel: HELM_OWNER_NAME_LABEL,
  namespaceLabel: HELM_OWNER_NAMESPACE_LABEL,
  manager: HELM_APPLY_MANAGER,
};

export const OWNERSHIPS = { Kustomization: KUSTOMIZATIONS, HelmRelease: HELM_RELEASES } as const;

const ALL: readonly Ownership[] = [KUSTOMIZATIONS, HELM_RELEASES];

/** How units of a kind mark what they own. */
export function ownershipOf({ kind }: Pick<UnitRef, 'kind'>): Ownership {
  return ALL.find((ownership) => ownership.kind === kind) ?? KUSTOMIZATIONS;
}

/** The labels a unit sets on each of its objects. */
export function ownerLabels(unit: UnitRef): Record<string, string> {
  const { nameLabel, namespaceLabel } = ownershipOf(unit);
  return { [nameLabel]: unit.name, [namespaceLabel]: unit.namespace };
}

/**
 * The unit an object's owner labels name; null without a full pair. With the labels of both kinds, the one whose field
 * manager asks comes first.
 */
export function ownerOf(object: Pick<KubeObject, 'metadata'>, manager: string = APPLY_MANAGER): UnitRef | null {
  const labels = object.metadata.labels ?? {};
  const order = manager === HELM_APPLY_MANAGER ? ALL.toReversed() : ALL;
  for (const { kind, nameLabel, namespaceLabel } of order) {
    const name = labels[nameLabel];
    const namespace = labels[namespaceLabel];
    if (name !== undefined && namespace !== undefined) return { kind, namespace, name };
  }
  return null;
}

export function isSameUnit(a: UnitRef | null, b: UnitRef): boolean {
  return a !== null && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}
