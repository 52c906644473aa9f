import type { Cluster } from '@plumb/kube';
import type { UnitObject } from './unit-object.ts';

/** Who units act as where they name nobody. */
export interface Actors {
  cluster: Cluster;
  defaultServiceAccount: string | undefined;
}

/** The identity objects are applied as (I9): the unit's service account, as Flux writes its user name. */
export function actingAs(object: UnitObject, identities: Actors): Cluster {
  return tenantOf(object, identities) ?? identities.cluster;
}

/** The unit's service account; null where the unit acts as the agent itself. */
export function tenantOf(object: UnitObject, identities: Actors): Cluster | null {
  const user = userOf(object, identities);
  return user === '' ? null : identities.cluster.as(user);
}

/** The user name of the unit's service account; empty where the unit acts as the agent itself. */
export function userOf(
  { spec, metadata }: UnitObject,
  { defaultServiceAccount }: Pick<Actors, 'defaultServiceAccount'>,
): string {
  const account = spec.serviceAccountName ?? defaultServiceAccount;
  return account === undefined ? '' : `system:serviceaccount:${metadata.namespace ?? ''}:${account}`;
}
