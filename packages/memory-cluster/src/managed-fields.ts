import type { JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';

import { compare, declaredPaths } from './compare.ts';
import { mergeApplied, removePaths } from './merge.ts';
import { PathSet } from './path-set.ts';
import type { Shape } from './schema.ts';

/** Who writes, and how. The four together are one owner: the same name applying and updating are two. */
export interface Manager {
  name: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: '' | 'status' | 'scale';
}

/** A field somebody else owns and an apply would change. */
export interface Conflict {
  manager: Manager;
  paths: readonly string[];
}

export type Applied = { object: KubeObject } | { conflicts: Conflict[] };

interface Owner {
  manager: Manager;
  time: string;
  paths: PathSet;
}

/** Metadata that is the server's own; nobody owns it. */
const UNOWNED_META = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
];

/** What a write means for ownership, at a moment. */
export interface WriteContext {
  manager: Manager;
  shape: Shape;
  /** The moment, as metadata.managedFields writes it. */
  time: string;
}

/**
 * Server-side apply (KEP-555): merges, takes away what this manager declared before and does not any more and nobody else owns,
 * and finds whose fields are in the way.
 */
export function applyManaged(
  live: KubeObject | null,
  applied: KubeObject,
  context: WriteContext & { force: boolean },
): Applied {
  const { shape, manager } = context;
  const owners = ownersOf(live);
  const before = ownable(live);
  const declared = ownable(applied);
  const paths = declaredPaths(declared, shape);
  const merged = mergeApplied(before, declared, shape);
  const others = owners.filter((owner) => !sameManager(owner.manager, manager));
  const difference = compare(before, merged, shape);
  const touched = difference.added.union(difference.changed);
  const conflicts = others
    .map((owner) => ({ manager: owner.manager, paths: owner.paths.intersect(touched).paths() }))
    .filter((conflict) => conflict.paths.length > 0);
  if (conflicts.length > 0 && !context.force) return { conflicts };

  const remaining = others.map((owner) => ({ ...owner, paths: owner.paths.minus(touched).minus(difference.removed) }));
  const kept = remaining.reduce((all, owner) => all.union(owner.paths), paths);
  const previous = owners.find((owner) => sameManager(owner.manager, manager));
  const removed = (previous?.paths ?? new PathSet()).minus(paths);
  const pruned = removePaths(merged, { removed, kept }, shape) ?? {};
  const own = { manager, paths, time: previous?.paths.equals(paths) ? previous.time : context.time };
  return { object: assemble(live ?? applied, pruned, [...remaining, own]) };
}

/** A create, update or patch: whoever changes a field owns it from then on. Who writes managedFields too says who owned what before. */
export function updateManaged(live: KubeObject | null, written: KubeObject, context: WriteContext): KubeObject {
  const { shape, manager } = context;
  const isTold = live !== null && (written.metadata.managedFields ?? []).length > 0;
  const owners = ownersOf(isTold ? written : live);
  const after = ownable(written);
  const { added, changed, removed } = compare(ownable(live), after, shape);
  const touched = added.union(changed);
  const remaining = owners
    .filter((owner) => !sameManager(owner.manager, manager))
    .map((owner) => ({ ...owner, paths: owner.paths.minus(touched).minus(removed) }));
  const previous = owners.find((owner) => sameManager(owner.manager, manager));
  const paths = withoutRoots(touched)
    .union(previous?.paths ?? new PathSet())
    .minus(removed);
  const same = previous?.paths.equals(paths) === true && touched.empty;
  return assemble(written, after, [...remaining, { manager, paths, time: same ? previous.time : context.time }]);
}

/** A typed object always has its metadata, spec and status; only their content is owned. */
function withoutRoots(set: PathSet): PathSet {
  const result = set.union(new PathSet());
  for (const root of ['f:metadata', 'f:spec', 'f:status']) if (result.children.has(root)) result.members.delete(root);
  return result;
}

/** The object without what nobody owns: kind, names and the server's own metadata. */
function ownable(object: KubeObject | null): JsonObject {
  if (object === null) return {};
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const meta = Object.fromEntries(Object.entries(metadata).filter(([name]) => !UNOWNED_META.includes(name)));
  return structuredClone({ ...rest, ...(Object.keys(meta).length === 0 ? {} : { metadata: meta }) }) as JsonObject;
}

/** Puts owned content back together with the server's metadata of `base`. */
function assemble(base: KubeObject, content: JsonObject, owners: readonly Owner[]): KubeObject {
  const own = Object.fromEntries(Object.entries(base.metadata).filter(([name]) => UNOWNED_META.includes(name)));
  const managedFields = owners
    .filter((owner) => !owner.paths.empty)
    .map(entryOf)
    .sort(inOrder);
  const metadata = { ...own, ...(content['metadata'] as JsonObject | undefined), managedFields };
  return {
    apiVersion: base.apiVersion,
    kind: base.kind,
    ...content,
    metadata: metadata as KubeObject['metadata'] & typeof metadata,
  };
}

function ownersOf(object: KubeObject | null): Owner[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({
    manager: {
      name: entry.manager ?? '',
      operation: entry.operation ?? 'Update',
      apiVersion: entry.apiVersion ?? '',
      subresource: (entry.subresource ?? '') as Manager['subresource'],
    },
    time: entry.time ?? '',
    paths: PathSet.fromFields(entry.fieldsV1 ?? {}),
  }));
}

function entryOf(owner: Owner): ManagedFieldsEntry {
  const { name, operation, apiVersion, subresource } = owner.manager;
  return {
    manager: name,
    operation,
    apiVersion,
    time: owner.time,
    fieldsType: 'FieldsV1',
    fieldsV1: owner.paths.toFields(),
    ...(subresource === '' ? {} : { subresource }),
  };
}

function sameManager(a: Manager, b: Manager): boolean {
  return (
    a.name === b.name && a.operation === b.operation && a.apiVersion === b.apiVersion && a.subresource === b.subresource
  );
}

/** Applies before updates, older before newer, as the API server sorts them. */
function inOrder(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  const rank = (entry: ManagedFieldsEntry): string =>
    [entry.operation, entry.time, entry.manager, entry.subresource ?? ''].join('\n');
  return rank(a) < rank(b) ? -1 : 1;
}
