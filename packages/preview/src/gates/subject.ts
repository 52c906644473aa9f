import { chartSourceOf } from '@plumb/agent';
import type { HelmRelease, Kustomization, UnitRef } from '@plumb/api';

export type Unit = Kustomization | HelmRelease;

/** Where a unit comes from, as the agent tells it to gates. */
export function sourceOf(unit: Unit): UnitRef {
  const { namespace = '' } = unit.metadata;
  if (!('sourceRef' in unit.spec)) return chartSourceOf(unit as HelmRelease);
  const { sourceRef } = unit.spec;
  return { kind: sourceRef.kind, name: sourceRef.name, namespace: sourceRef.namespace ?? namespace };
}

/** Which cluster a unit delivers to, as policies name it. */
export function clusterNameOf({ spec }: Pick<Unit, 'spec'>): string {
  const { secretRef, configMapRef } = spec.kubeConfig ?? {};
  return secretRef?.name ?? configMapRef?.name ?? 'own';
}
