import { HELM_OWNER_NAME_LABEL, HELM_OWNER_NAMESPACE_LABEL, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';
import { indexOf, pointerTree } from './pointer.ts';
import type { PointerTree } from './pointer.ts';

/** Metadata that cannot be left to others: by them an object is known as this one, and as ours. */
export const KEPT_METADATA = ['name', 'namespace'] as const;
export const KEPT_LABELS = [
  OWNER_NAME_LABEL,
  OWNER_NAMESPACE_LABEL,
  HELM_OWNER_NAME_LABEL,
  HELM_OWNER_NAMESPACE_LABEL,
] as const;

/**
 * An object without the fields the pointers name, however much of it they name: what it is called and whose it is stays. What became
 * empty goes too, for an empty map is a declaration of its own. Indexes mean the list as it was. The object given stays as it was.
 */
export function withoutIgnored(object: KubeObject, pointers: readonly string[]): KubeObject {
  if (pointers.length === 0) return object;
  const stripped = strip(object, pointerTree(pointers));
  return stripped === object ? object : withIdentity(isMap(stripped) ? stripped : {}, object);
}

/** Puts back what an object cannot be without. */
export function withIdentity(stripped: Record<string, unknown>, object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = object;
  const left = isMap(stripped['metadata']) ? stripped['metadata'] : {};
  const identity = pick(metadata as unknown as Record<string, unknown>, KEPT_METADATA);
  const labels = { ...(isMap(left['labels']) ? left['labels'] : {}), ...pick(metadata.labels ?? {}, KEPT_LABELS) };
  const kept = { ...left, ...identity, ...(Object.keys(labels).length === 0 ? {} : { labels }) };
  return { ...stripped, apiVersion, kind, metadata: kept as unknown as KubeObject['metadata'] };
}

function pick(map: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(map, name)).map((name) => [name, map[name]]));
}

/** Undefined when nothing is left of it. */
function strip(value: unknown, tree: PointerTree): unknown {
  if (tree.ends) return undefined;
  if (tree.below.size === 0) return value;
  if (Array.isArray(value)) return stripList(value, tree);
  return isMap(value) ? stripMap(value, tree) : value;
}

function stripMap(map: Record<string, unknown>, tree: PointerTree): unknown {
  const changed = new Map<string, unknown>();
  for (const [field, below] of tree.below) {
    if (!Object.hasOwn(map, field)) continue;
    const left = strip(map[field], below);
    if (left !== map[field]) changed.set(field, left);
  }
  if (changed.size === 0) return map;
  const entries = Object.entries(map).map(([field, value]) => [field, changed.has(field) ? changed.get(field) : value]);
  return orNothing(Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, unknown>);
}

function stripList(list: readonly unknown[], tree: PointerTree): unknown {
  const stripped = [...list];
  for (const [token, below] of tree.below) {
    const index = indexOf(token);
    if (index !== null && index < list.length) stripped[index] = strip(list[index], below);
  }
  if (stripped.every((item, index) => item === list[index])) return list;
  return orNothing(stripped.filter((item) => item !== undefined));
}

function orNothing(value: object): unknown {
  return Object.keys(value).length === 0 ? undefined : value;
}
