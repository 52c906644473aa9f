import type { KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import { asPlumbError, keyId, keyOf } from '@plumb/api';
import { ownershipOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';

/** From this many objects of one kind and namespace on, a list costs less than a read of each. */
const LIST_FROM = 16;

export interface ReadContext {
  cluster: Cluster;
  unit: { readonly ref: UnitRef };
  signal: AbortSignal;
}

type Read = (key: ObjectKey) => Promise<KubeObject | null>;

/**
 * Reads live objects of a unit: many of one kind by one list of what carries the unit's labels, few of them, and where a list is not allowed,
 * one by one. A listed object is handed out once, and not kept after that.
 */
export function reader(keys: readonly ObjectKey[], context: ReadContext): Read {
  const { cluster, signal } = context;
  const lists = new Map<string, Promise<Map<string, KubeObject> | null>>();
  const groups = Map.groupBy(keys, groupOf);
  return async (key) => {
    const group = groupOf(key);
    if ((groups.get(group)?.length ?? 0) < LIST_FROM) return cluster.get(key, { signal });
    const listing = lists.get(group) ?? list(key, context);
    lists.set(group, listing);
    const listed = await listing;
    if (listed === null) return cluster.get(key, { signal });
    const found = listed.get(keyId(key)) ?? null;
    listed.delete(keyId(key));
    return found;
  };
}

const groupOf = ({ group, version, kind, namespace }: ObjectKey): string => [group, version, kind, namespace].join('/');

/** @returns null where it is not allowed */
async function list(
  { group, version, kind, namespace }: ObjectKey,
  { cluster, unit, signal }: ReadContext,
): Promise<Map<string, KubeObject> | null> {
  const { nameLabel, namespaceLabel } = ownershipOf(unit.ref);
  const labelSelector = `${nameLabel}=${unit.ref.name},${namespaceLabel}=${unit.ref.namespace}`;
  const selection = { labelSelector, ...(namespace === '' ? {} : { namespace }), signal };
  try {
    const { items } = await cluster.list({ group, version, kind }, selection);
    return new Map(items.map((object) => [keyId(keyOf(object)), object]));
  } catch (thrown) {
    if (asPlumbError(thrown).code !== 'api-forbidden') throw thrown;
    return null;
  }
}
