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
export function tenantOf(object: Kustomization, identities: Identities): Cluster | null {
  const user = userOf(object, identities);
  return user === '' ? null : identities.cluster.as(user);
}

/** The user name of the unit's service account; empty where the unit acts as the agent itself. */
export function userOf(
  { spec, metadata }: Kustomization,
  { defaultServiceAccount }: Pick<Identities, 'defaultServiceAccount'>,
): string {
  const account = spec.serviceAccountName ?? defaultServiceAccount;
  return account === undefined ? '' : `system:serviceaccount:${metadata.namespace ?? ''}:${account}`;
}
