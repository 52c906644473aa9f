import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';
import { hashOf } from '../hash.ts';

/** One field that differs; undefined: it is not there on that side. */
export interface FieldChange {
  /** `spec.replicas`, `spec.template.spec.containers[name=app].image`, `metadata.annotations[example.com/note]`. */
  path: string;
  before: unknown;
  after: unknown;
}

/** What an API server writes and nobody declares. */
const WRITTEN_BY_SERVER: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]);

/** Fields by which the items of a list are told apart, the first that all items have. */
const ITEM_KEYS = ['name', 'containerPort', 'port', 'mountPath', 'devicePath', 'topologyKey', 'ip', 'type', 'key'];

/** Which fields differ between two states of one object, in the order of their paths. Status and what only the server writes do not count. */
export function fieldChanges(before: KubeObject | null, after: KubeObject | null): FieldChange[] {
  const found: FieldChange[] = [];
  compare(found, '', before === null ? undefined : declarable(before), after === null ? undefined : declarable(after));
  return found;
}

function declarable({ metadata, status: _status, ...rest }: KubeObject): Record<string, unknown> {
  const kept = Object.entries(metadata).filter(([field]) => !WRITTEN_BY_SERVER.has(field));
  return { ...rest, metadata: Object.fromEntries(kept) };
}

function compare(found: FieldChange[], path: string, before: unknown, after: unknown): void {
  if (isMap(before) && isMap(after)) return compareMaps(found, path, before, after);
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(found, path, before, after);
  if (hashOf(before) !== hashOf(after)) found.push({ path, before, after });
}

function compareMaps(
  found: FieldChange[],
  path: string,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): void {
  for (const field of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    const value = (map: Record<string, unknown>): unknown => (Object.hasOwn(map, field) ? map[field] : undefined);
    compare(found, joined(path, field), value(before), value(after));
  }
}

function compareLists(found: FieldChange[], path: string, before: readonly unknown[], after: readonly unknown[]): void {
  const key = ITEM_KEYS.find((name) => tellsApart(name, before) && tellsApart(name, after));
  if (key === undefined) {
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index += 1) compare(found, `${path}[${index}]`, before[index], after[index]);
    return;
  }
  const named = (list: readonly unknown[]): Map<string, unknown> =>
    new Map(list.map((item) => [String((item as Record<string, unknown>)[key]), item]));
  const [old, now] = [named(before), named(after)];
  for (const name of new Set([...old.keys(), ...now.keys()]))
    compare(found, `${path}[${key}=${name}]`, old.get(name), now.get(name));
}

/** Whether every item of a list has this field, and each another value in it. */
function tellsApart(key: string, items: readonly unknown[]): boolean {
  const values = items.map((item) => (isMap(item) ? item[key] : undefined));
  const named = values.every((value) => typeof value === 'string' || typeof value === 'number');
  return named && new Set(values.map(String)).size === items.length;
}

function joined(path: string, field: string): string {
  if (!/^[\w-]+$/.test(field)) return `${path}[${field}]`;
  return path === '' ? field : `${path}.${field}`;
}
