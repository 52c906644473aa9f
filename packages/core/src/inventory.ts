import { displayKey, keyId, userError } from '@plumb/api';
import type { ObjectKey } from '@plumb/api';
import { compareForApply } from './order.ts';

/** An entry of status.inventory.entries: the object's id and the version it was applied at. */
export interface InventoryEntry {
  id: string;
  v: string;
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const RBAC_KINDS: ReadonlySet<string> = new Set(['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']);

/**
 * An object's inventory id, `<namespace>_<name>_<group>_<kind>`; namespace and group may be empty. RBAC names may hold `:`,
 * written `__` (cli-utils pkg/object).
 * @throws PlumbError `invalid-spec` for an RBAC name whose underscores would read back as another name.
 */
export function inventoryId(key: ObjectKey): string {
  const rbac = key.group === RBAC_GROUP && RBAC_KINDS.has(key.kind);
  const name = rbac ? key.name.replaceAll(':', '__') : key.name;
  if (name.replaceAll('__', ':') !== key.name) {
    throw userError(
      'invalid-spec',
      `${displayKey(key)} cannot be kept in an inventory: its name holds "__", or "_" before ":"; rename it`,
    );
  }
  return `${key.namespace}_${name}_${key.group}_${key.kind}`;
}

/**
 * Reads an inventory entry back.
 * @throws PlumbError `invalid-spec` when the id has not the four parts.
 */
export function parseInventoryEntry(entry: InventoryEntry): ObjectKey {
  const parts = /^([^_]*)_(.+)_([^_]*)_([^_]+)$/.exec(entry.id);
  if (parts === null) {
    throw userError('invalid-spec', `inventory id "${entry.id}" is not <namespace>_<name>_<group>_<kind>`);
  }
  const [, namespace = '', name = '', group = '', kind = ''] = parts;
  return { group, version: entry.v, kind, namespace, name: name.replaceAll('__', ':') };
}

/** The inventory of a set of objects, in apply order, each identity once. */
export function inventoryOf(keys: readonly ObjectKey[]): InventoryEntry[] {
  return unionOfKeys(keys).map((key) => ({ id: inventoryId(key), v: key.version }));
}

/** What left: objects of `old` that `next` does not name, versions aside, in apply order. */
export function diffInventory(old: readonly ObjectKey[], next: readonly ObjectKey[]): ObjectKey[] {
  const kept = new Set(next.map(keyId));
  return unionOfKeys(old).filter((key) => !kept.has(keyId(key)));
}

/** Every object of the lists once, in apply order. Where versions differ the later list wins. */
export function unionOfKeys(...lists: readonly (readonly ObjectKey[])[]): ObjectKey[] {
  const byId = new Map(lists.flat().map((key) => [keyId(key), key]));
  return [...byId.values()].sort(compareForApply);
}
