import { parseJson } from '@plumb/api';
import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { isMap } from '../fields.ts';

/**
 * The notation of managedFields (KEP-555, structured-merge-diff): a tree whose keys are steps of a path. `f:name` is a
 * field, `k:{...}` the list item with these key fields, `v:...` the set item with this value, `i:0` an index, and `.` the
 * node itself beside its children. A node without children is owned whole.
 */
export type FieldSet = JsonObject;

/** Beyond this many items a list is looked up through an index instead of by scanning. */
const SCAN_LIMIT = 16;

/** What a manager's server-side applies own; its updates and subresource writes are other entries and do not count. */
export function appliedEntries(object: Pick<KubeObject, 'metadata'>, manager: string): ManagedFieldsEntry[] {
  const entries = object.metadata.managedFields ?? [];
  return entries.filter((entry) => entry.manager === manager && entry.operation === 'Apply' && isMainEntry(entry));
}

function isMainEntry(entry: ManagedFieldsEntry): boolean {
  return (entry.subresource ?? '') === '';
}

export function isLeaf(fields: FieldSet): boolean {
  for (const _ in fields) return false;
  return true;
}

export function childSet(fields: FieldSet, step: string): FieldSet {
  const child = fields[step];
  return isMap(child) ? (child as FieldSet) : {};
}

/** Finds what the steps of one node stand for in the live value of that node. */
export interface Resolver {
  /** The values at a step: none when it is not there, several when a list repeats a key. */
  resolve(step: string): readonly unknown[];
}

/** A resolver for one node; lists are indexed once when they are long. */
export function resolverOf(value: unknown): Resolver {
  if (isMap(value)) return { resolve: (step) => fieldOf(value, step) };
  if (Array.isArray(value))
    return value.length > SCAN_LIMIT ? indexedList(value) : { resolve: (step) => scan(value, step) };
  return { resolve: () => [] };
}

function fieldOf(map: Record<string, unknown>, step: string): readonly unknown[] {
  if (!step.startsWith('f:')) return [];
  const field = step.slice(2);
  return Object.hasOwn(map, field) ? [map[field]] : [];
}

/** The fields of a `k:` step, `{"containerPort":80,"protocol":"TCP"}`; null for any other step. */
export function keyFieldsOf(step: string): Record<string, unknown> | null {
  if (!step.startsWith('k:')) return null;
  const fields = parseJson(step.slice(2));
  return isMap(fields) ? fields : null;
}

/** Equal scalars, 5 and 5n included. */
export function sameScalar(a: unknown, b: unknown): boolean {
  // oxlint-disable-next-line eqeqeq -- a number and the bigint of the same value are the same JSON.
  return a === b || (isNumber(a) && isNumber(b) && a == b);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

export function hasKeyFields(item: unknown, fields: Record<string, unknown>): boolean {
  if (!isMap(item)) return false;
  for (const name in fields) {
    if (!sameScalar(item[name], fields[name])) return false;
  }
  return true;
}

function scan(list: readonly unknown[], step: string): readonly unknown[] {
  const fields = keyFieldsOf(step);
  if (fields !== null) return list.filter((item) => hasKeyFields(item, fields));
  if (step.startsWith('v:')) {
    const wanted = parseJson(step.slice(2));
    return list.filter((item) => sameScalar(item, wanted));
  }
  if (!step.startsWith('i:')) return [];
  const index = Number(step.slice(2));
  return index in list ? [list[index]] : [];
}

/** As `scan`, through one map per set of key names: a list of n items costs n and not n². */
function indexedList(list: readonly unknown[]): Resolver {
  const byNames = new Map<string, Map<string, unknown[]>>();
  return {
    resolve(step) {
      const fields = keyFieldsOf(step);
      if (fields === null) return scan(list, step);
      const names = Object.keys(fields);
      const shape = names.join(',');
      let index = byNames.get(shape);
      if (index === undefined) {
        index = Map.groupBy(list, (item) => (isMap(item) ? keyText(item, names) : ''));
        byNames.set(shape, index);
      }
      return index.get(keyText(fields, names)) ?? [];
    },
  };
}

function keyText(item: Record<string, unknown>, names: readonly string[]): string {
  return names.map((name) => `${typeof item[name] === 'string' ? 's' : 'n'}${String(item[name])}`).join('\n');
}
