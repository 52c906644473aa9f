import type { Kustomization } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** The identity objects are applied as (I9): the unit's service account, as Flux writes its user name. */
export function actingAs(
  object: Kustomization,
  hands: { cluster: Cluster; defaultServiceAccount: string | undefined },
): Cluster {
  const account = object.spec.serviceAccountName ?? hands.defaultServiceAccount;
  if (account === undefined) return hands.cluster;
  return hands.cluster.as(`system:serviceaccount:${object.metadata.namespace ?? ''}:${account}`);
}
