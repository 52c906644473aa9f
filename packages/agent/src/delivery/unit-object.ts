import type { HelmRelease, Kustomization, ObjectMeta } from '@plumb/api';

/** What delivering takes of a unit's own object, whatever its kind. */
export interface UnitObject {
  kind: string;
  metadata: ObjectMeta;
  spec: Pick<Kustomization['spec'] & HelmRelease['spec'], 'kubeConfig' | 'serviceAccountName' | 'suspend'>;
  status?: { observedGeneration?: number };
}
