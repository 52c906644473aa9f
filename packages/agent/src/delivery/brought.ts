import { createHash } from 'node:crypto';
import { printJson, type Kustomization } from '@plumb/api';
import type { ReadSet } from '@plumb/render';
import type { Referenced } from './references.ts';
import type { StoredBundle } from './unit.ts';

/** By name. */
export type Digests = Readonly<Record<string, string>>;

/** What a bundle was made from. */
export interface Ground {
  revision: string;
  /** Digest of the bundle. */
  digest: string;
  reads: ReadSet['ids'];
  /** Of what the unit itself says of its objects, by field. */
  shape: Digests;
  /** Of what ConfigMaps and Secrets say of them. */
  values: Digests;
  /** What the unit that brings this one was made from then; null where none does, or nobody knows. */
  parent: Pick<Ground, 'revision' | 'shape' | 'values'> | null;
}

export function groundOf(unit: Pick<Kustomization, 'spec'>, bundle: StoredBundle, parent: Ground | null): Ground {
  const { revision, digest, reads, values = {} } = bundle;
  const mark = parent && { revision: parent.revision, shape: parent.shape, values: parent.values };
  return { revision, digest, reads: reads.ids, shape: shapeOf(unit), values, parent: mark };
}

const SHAPING = [
  'path',
  'components',
  'patches',
  'images',
  'targetNamespace',
  'namePrefix',
  'nameSuffix',
  'commonMetadata',
  'ignoreMissingComponents',
  'buildMetadata',
  'ignore',
  'postBuild',
  'sourceRef',
  'kubeConfig',
  'prune',
] as const satisfies readonly (keyof Kustomization['spec'])[];

/** Whether a field of the spec says which objects there are, how they are made or where they go. */
export function isShaping(field: string): boolean {
  return (SHAPING as readonly string[]).includes(field);
}

/** What a unit says itself of which objects there are, how they are made and where they go. */
export function shapeOf({ spec }: Pick<Kustomization, 'spec'>): Digests {
  const said = SHAPING.filter((field) => spec[field] !== undefined);
  return Object.fromEntries(said.map((field) => [`spec.${field}`, digestOf(spec[field])]));
}

/** What is put in for variables. Of a Secret there is its version only, of which nobody can guess what it says. */
export function valuesOf({ spec }: Pick<Kustomization, 'spec'>, referenced: Referenced): Digests {
  const named = (spec.postBuild?.substituteFrom ?? []).map(({ kind, name }): [string, string] => {
    const object = referenced.get(kind, name);
    const { uid, resourceVersion } = object?.metadata ?? {};
    return [`${kind} ${name}`, kind === 'Secret' ? `${uid} ${resourceVersion}` : digestOf(object?.['data'])];
  });
  return Object.fromEntries(named);
}

function digestOf(value: unknown): string {
  return createHash('sha256')
    .update(printJson(value ?? null))
    .digest('hex');
}

/** Names of what is another one now, came or went. */
export function othersIn(before: Digests, now: Digests): string[] {
  return Object.keys({ ...before, ...now }).filter((name) => before[name] !== now[name]);
}

/**
 * What the objects in force come from, once a bundle is delivered. What is read otherwise and makes no difference yet may make one with the next
 * commit, somebody else's: whose work it is counts from before it, until something changes for which all of it was asked.
 */
export function broughtBy(before: Ground | null, now: Ground): Ground {
  if (before === null || before.digest !== now.digest) return now;
  const others = [...othersIn(before.shape, now.shape), ...othersIn(before.values, now.values)];
  if (others.length > 0 || !isSameIds(before.reads, now.reads)) return before;
  return { ...now, parent: now.parent ?? before.parent };
}

function isSameIds(before: ReadSet['ids'], now: ReadSet['ids']): boolean {
  return before === now || (before.size === now.size && now.entries().every(([path, id]) => before.get(path) === id));
}

/** Files and folders that are read now and were not before: they may have been there for long, and have come into force with no commit. */
export function readAnew(before: Ground | null, { ids: reads }: { ids: ReadSet['ids'] }): string[] {
  if (before === null || before.reads === reads) return [];
  return [...reads].filter(([path, id]) => id !== null && !isRead(path, before.reads)).map(([path]) => path);
}

/** A folder stands for everything below it. */
function isRead(path: string, reads: ReadSet['ids']): boolean {
  let at = path;
  while (!reads.has(at)) {
    if (at === '') return false;
    at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
  }
  return true;
}
