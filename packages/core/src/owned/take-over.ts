import type { Json, JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { releasedEntries, releasePatch } from '../ignore/release.ts';
import { rulesOf } from '../rules.ts';
import { childSet, isLeaf } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';

/** Whose fields become ours when an object is taken over. */
export interface TakeOver {
  /** Our own field manager. */
  manager: string;
  /** Beginnings of the names of further managers whose fields are taken over (`--override-manager`). */
  overridden: readonly string[];
  /** JSON pointers of fields that are left to others: they are taken from those managers, and ours no more than theirs. */
  ignored?: readonly string[];
}

/** Notes of the tools that applied an object before; they would only contradict what is applied now. */
const STALE_ANNOTATIONS = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'kustomize.toolkit.fluxcd.io/checksum',
  'fluxcd.io/sync-checksum',
];
const STALE_LABELS = ['fluxcd.io/sync-gc-mark'];

/**
 * The JSON patch (RFC 6902) that makes the fields of kubectl, of our own updates from before server-side apply and of overridden
 * managers ours, so that the apply after it removes those that are not declared; with `ssa: Merge` on the object, declared or live, nothing is
 * taken. Ignored fields are given up in the same patch. [] when there is nothing to do. It holds the resourceVersion it was made for: a later
 * object refuses it.
 * (kustomize-controller, cleanup of field managers)
 */
export function takeOverPatch(live: KubeObject, declared: KubeObject, how: TakeOver): JsonObject[] {
  const ignoring = { manager: how.manager, pointers: how.ignored ?? [] };
  if ([live, declared].some((object) => rulesOf(object).ssa === 'Merge'))
    return releasePatch({ declared, live }, ignoring);
  const stale = [
    ...staleKeys('annotations', STALE_ANNOTATIONS, live, declared),
    ...staleKeys('labels', STALE_LABELS, live, declared),
  ];
  const entries = live.metadata.managedFields ?? [];
  const taken = entries.filter((entry) => isTaken(entry, how));
  if (taken.length === 0 && stale.length === 0) return releasePatch({ declared, live }, ignoring);
  const operations: JsonObject[] = stale.map(([map, key]) => ({
    op: 'remove',
    path: `/metadata/${map}/${escaped(key)}`,
  }));
  const ours = taken.length === 0 ? entries : withTaken(entries, taken, how.manager, stale);
  const managedFields = releasedEntries(ours, { declared, live }, ignoring);
  if (managedFields !== entries) {
    operations.push({ op: 'replace', path: '/metadata/managedFields', value: managedFields as unknown as Json });
  }
  return [
    ...operations,
    { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion ?? '' },
  ];
}

/** Whether there is anything of kubectl's or of our own updates to take over, whoever else is overridden. */
export function hasFormerManagers(live: KubeObject, manager: string): boolean {
  const how = { manager, overridden: [] };
  if (live.metadata.managedFields?.some((entry) => isTaken(entry, how)) === true) return true;
  return staleKeys('annotations', STALE_ANNOTATIONS, live, BARE).length > 0;
}

const BARE: Pick<KubeObject, 'metadata'> = { metadata: { name: '' } };

function staleKeys(
  map: 'annotations' | 'labels',
  keys: readonly string[],
  live: Pick<KubeObject, 'metadata'>,
  declared: Pick<KubeObject, 'metadata'>,
): [string, string][] {
  const has = (object: Pick<KubeObject, 'metadata'>, key: string): boolean =>
    Object.hasOwn(object.metadata[map] ?? {}, key);
  return keys.filter((key) => has(live, key) && !has(declared, key)).map((key) => [map, key]);
}

function isTaken({ manager = '', operation, subresource = '' }: ManagedFieldsEntry, how: TakeOver): boolean {
  if (subresource !== '') return false;
  if (manager.startsWith('kubectl')) return true;
  if (how.overridden.some((name) => manager.startsWith(name))) return manager !== how.manager || operation === 'Update';
  return operation === 'Update' && (manager === how.manager || manager.startsWith('before-first-apply'));
}

/** One entry of ours holds what it held and what is taken over; the entries of others stay. */
function withTaken(
  entries: readonly ManagedFieldsEntry[],
  taken: readonly ManagedFieldsEntry[],
  manager: string,
  stale: readonly [string, string][],
): ManagedFieldsEntry[] {
  const isOurs = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === manager && entry.operation === 'Apply' && (entry.subresource ?? '') === '';
  const own = entries.find(isOurs) ?? taken[0] ?? {};
  const sets = [own, ...taken.filter((entry) => entry !== own)].map((entry) => entry.fieldsV1 ?? {});
  let fields = sets.reduce(union);
  for (const [map, key] of stale) fields = without(fields, ['f:metadata', `f:${map}`, `f:${key}`]);
  const others = entries.filter((entry) => entry !== own && !isOurs(entry) && !taken.includes(entry));
  return [...others, { ...own, manager, operation: 'Apply', fieldsV1: fields }];
}

/** A node without children is owned itself; beside children that is written as `.`. */
function union(a: FieldSet, b: FieldSet): FieldSet {
  const merged: FieldSet = { ...a };
  for (const step of Object.keys(b)) {
    if (!Object.hasOwn(a, step)) merged[step] = b[step] as Json;
    else if (step !== '.') merged[step] = unionOfNodes(childSet(a, step), childSet(b, step));
  }
  return merged;
}

function unionOfNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (isLeaf(a)) return isLeaf(b) ? {} : { '.': {}, ...b };
  return isLeaf(b) ? { '.': {}, ...a } : union(a, b);
}

/** Takes a path out; a node that is left with nothing goes with it. */
function without(fields: FieldSet, [step = '', ...rest]: readonly string[]): FieldSet {
  if (!Object.hasOwn(fields, step)) return fields;
  const { [step]: _child, ...others } = fields;
  if (rest.length === 0) return others;
  const child = without(childSet(fields, step), rest);
  return isLeaf(child) ? others : { ...others, [step]: child };
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
