import type { Kustomization } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** Who units act as where they name nobody. */
interface Identities {
  cluster: Cluster;
  defaultServiceAccount: string | undefined;
}

/** The identity objects are applied as (I9): the unit's service account, as Flux writes its user name. */
export function actingAs(object: Kustomization, identities: Identities): Cluster {
  return tenantOf(object, identities) ?? identities.cluster;
}

/** The unit's service account; null where the unit acts as the agent itself. */
export function tenantOf(
  { spec, metadata }: Kustomization,
  { cluster, defaultServiceAccount }: Identities,
): Cluster | null {
  const account = spec.serviceAccountName ?? defaultServiceAccount;
  return account === undefined ? null : cluster.as(`system:serviceaccount:${metadata.namespace ?? ''}:${account}`);
}
