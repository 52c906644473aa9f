import { createHash } from 'node:crypto';
import { keyId, printJson, type Kustomization, type KubeObject, type UnitRef } from '@plumb/api';
import { ownerOf } from '@plumb/core';
import type { ReadSet } from '@plumb/render';
import type { RevisionRange } from '@plumb/sources';
import type { ConfigKind } from '../runtime/watched-configs.ts';
import type { Referenced } from './references.ts';
import type { Seal } from './seal.ts';
import type { StoredBundle } from './unit.ts';

/** By name. */
export type Digests = Readonly<Record<string, string>>;

/** Commits of a source. */
export interface SourceRange {
  source: { kind: string; namespace: string; name: string };
  range: RevisionRange;
}

/** What a unit was made from, as far as that says whose work it is. */
export interface Mark extends Bringers {
  /** Of the unit. */
  uid: string;
  revision: string;
  /** Of what the unit itself says of its objects, by field. */
  shape: Digests;
  /** Of what ConfigMaps and Secrets say of them. */
  values: Digests;
}

/** What the units were made from that bring what this one is made from. */
export interface Bringers {
  /** The one that brings the unit itself; null where none does, or nobody knows. */
  parent: Mark | null;
  /** Those that bring its ConfigMaps and Secrets, as far as there are any and they are known. */
  configs: Readonly<Record<string, Mark>>;
}

/** What a bundle was made from. */
export interface Ground extends Mark {
  /** Digest of the bundle. */
  digest: string;
  reads: ReadSet['ids'];
}

export const NO_BRINGERS: Bringers = { parent: null, configs: {} };

export function groundOf(
  unit: Pick<Kustomization, 'spec' | 'metadata'>,
  bundle: StoredBundle,
  bringers: Bringers,
): Ground {
  const { revision, digest, reads, values = {} } = bundle;
  const { uid = '' } = unit.metadata;
  return { uid, revision, digest, reads: reads.ids, shape: shapeOf(unit), values, ...bringers };
}

/** Units that bring each other one after the other, as far as they are remembered. */
const MOST_MARKS = 4;

export function markOf({ uid, revision, shape, values, parent, configs }: Mark, depth = MOST_MARKS): Mark {
  if (depth === 0) return { uid, revision, shape, values, ...NO_BRINGERS };
  const above = Object.entries(configs).map(([name, mark]): [string, Mark] => [name, markOf(mark, depth - 1)]);
  const brings = { parent: parent && markOf(parent, depth - 1), configs: Object.fromEntries(above) };
  return { uid, revision, shape, values, ...brings };
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

/** What is put in for variables. */
export async function valuesOf(
  { spec }: Pick<Kustomization, 'spec'>,
  referenced: Referenced,
  seal: Seal,
): Promise<Digests> {
  const named = (spec.postBuild?.substituteFrom ?? []).map(async ({ kind, name }): Promise<[string, string]> => {
    return [`${kind} ${name}`, await valueOf(kind, referenced.get(kind, name), seal)];
  });
  return Object.fromEntries(await Promise.all(named));
}

/** Of what a Secret says nobody can guess it by this. */
export async function valueOf(kind: ConfigKind, object: KubeObject | null, seal: Seal): Promise<string> {
  const said = object?.['data'] ?? null;
  return kind === 'Secret' ? seal(printJson(said)) : digestOf(said);
}

/** A ConfigMap or Secret that a unit brings, as it was read. */
export interface BroughtConfig {
  unit: UnitRef;
  /** Of the object (`keyId`). */
  id: string;
  version: string;
}

/** Which of those that variables are taken from are brought by units, by name. */
export function broughtConfigs(
  { spec }: Pick<Kustomization, 'spec'>,
  referenced: Referenced,
): Readonly<Record<string, BroughtConfig>> {
  const named = (spec.postBuild?.substituteFrom ?? []).flatMap(({ kind, name }): [string, BroughtConfig][] => {
    const { metadata } = referenced.get(kind, name) ?? {};
    const unit = metadata === undefined ? null : ownerOf({ metadata });
    if (metadata === undefined || unit === null) return [];
    const { namespace = '', uid, resourceVersion } = metadata;
    const id = keyId({ group: '', version: 'v1', kind, namespace, name });
    return [[`${kind} ${name}`, { unit, id, version: `${uid} ${resourceVersion}` }]];
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
  if (before === null) return now;
  const shape = othersIn(before.shape, now.shape);
  const values = othersIn(before.values, now.values);
  const isMoot =
    before.digest === now.digest && (shape.length + values.length > 0 || !isSameIds(before.reads, now.reads));
  if (isMoot) return before;
  // What is as it was is what those made of it that brought it then.
  const kept = Object.entries(before.configs).filter(([name]) => name in now.values && !values.includes(name));
  const parent = now.parent ?? (shape.length === 0 ? before.parent : null);
  return { ...now, parent, configs: { ...Object.fromEntries(kept), ...now.configs } };
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
