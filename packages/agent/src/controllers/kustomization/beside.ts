import {
  APPLY_MANAGER,
  keyId,
  KUSTOMIZATION,
  type Kustomization,
  type KubeObject,
  type ObjectKey,
  type UnitRef,
} from '@plumb/api';
import { ownedHash, ownerOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import {
  isShaping,
  markOf,
  othersIn,
  shapeOf,
  valueOf,
  type Bringers,
  type Ground,
  type Mark,
  type SourceRange,
} from '../../delivery/brought.ts';
import type { Records } from '../../delivery/records.ts';
import type { Seal } from '../../delivery/seal.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import type { Beside, GateRequest } from '../../gates/gate-request.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { objectId } from '../../runtime/flux-objects.ts';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import { sourceId } from './observe.ts';

/** A Kustomization that brings others, as this process knows it. */
export interface Bringer {
  object: Kustomization;
  memory: UnitMemory;
  /** What its source has on offer. */
  revision: string;
}

export type FindUnit = (ref: UnitRef) => Bringer | null;

export function findUnit(
  ref: UnitRef,
  eyes: { kustomizations: FluxObjects; sources: SourceObjects; memories: ReadonlyMap<string, UnitMemory> },
): Bringer | null {
  const id = objectId(ref);
  const object = eyes.kustomizations.get(id) as Kustomization | undefined;
  const memory = eyes.memories.get(id);
  if (object === undefined || memory === undefined || memory.uid !== object.metadata.uid) return null;
  const source = eyes.sources.get(object.spec.sourceRef.kind, sourceId(object));
  return { object, memory, revision: source?.status?.artifact?.revision ?? '' };
}

/** The source that a unit names. */
export function sourceOf({ metadata, spec }: Kustomization): GateRequest['source'] {
  const { kind, namespace = metadata.namespace ?? '', name } = spec.sourceRef;
  return { kind, namespace, name };
}

/** What the units were made from that bring this one and what it is made of, as far as that is there as they left it. */
export function bringersOf(
  { metadata }: Pick<Kustomization, 'metadata'>,
  { brings = {} }: Pick<StoredBundle, 'brings'>,
  find: FindUnit,
): Bringers {
  const configs = Object.entries(brings).flatMap(([name, { unit, id, version }]): [string, Mark][] => {
    const { brought, applied } = unitNamed(unit, find)?.memory ?? {};
    const { uid, resourceVersion } = applied?.get(id) ?? {};
    return brought && `${uid} ${resourceVersion}` === version ? [[name, markOf(brought)]] : [];
  });
  return { parent: markOfParent(metadata, find), configs: Object.fromEntries(configs) };
}

function markOfParent(metadata: Kustomization['metadata'], find: FindUnit): Mark | null {
  const { memory } = parentOf({ metadata }, find) ?? {};
  const id = idOf(metadata);
  const left = memory?.applied.get(id);
  const seen = memory?.destination?.live.get(id);
  // It was made from this very spec, and that is what its parent applied.
  const isAsLeft =
    seen !== undefined &&
    seen.uid === metadata.uid &&
    seen.generation === metadata.generation &&
    seen.ownedHash === left?.ownedHash;
  if (!isAsLeft || !memory?.brought) return null;
  return memory.uid === metadata.uid ? markOf(memory.brought, 0) : markOf(memory.brought);
}

interface Eyes {
  cluster: Pick<Cluster, 'get'>;
  find: FindUnit;
  seal: Seal;
  signal: AbortSignal;
}

/** What a unit is made from, before and now. */
interface Difference {
  object: Kustomization;
  before: Mark;
  now: Pick<Mark, 'shape' | 'values'>;
  /** How many units that bring each other are looked at yet. */
  depth: number;
}

type Found = { ranges: readonly SourceRange[] } | { unknown: readonly string[] };

/** Units that bring each other one after the other. */
const DEEPEST = 5;
const KUBE_CONFIG = 'spec.kubeConfig';

/**
 * Who changed a unit in the cluster since what is in force was made, beside those whose commits are new. What another unit brought is the work of those who
 * made the commits of that one; whoever else edits objects there is known to nobody.
 */
export async function besideOf(
  object: Kustomization,
  now: Ground,
  context: Eyes & { memory: UnitMemory },
): Promise<Beside> {
  const { brought, elsewhere } = context.memory;
  const before = brought ?? elsewhere;
  if (before === null) return null;
  // What leads to the cluster leads to another one now, and the unit says the same.
  const isLedAway = brought === null && before.shape[KUBE_CONFIG] === now.shape[KUBE_CONFIG];
  if (isLedAway) return nobodyKnows(['the cluster that it goes to']);
  const found = await behind({ object, before, now, depth: DEEPEST }, context);
  if ('unknown' in found) return nobodyKnows(found.unknown);
  return found.ranges.length === 0 ? null : found;
}

/**
 * Who is behind the removal of a unit: those by whose commits what brought it declares it no more, or is removed itself. Whoever deletes objects in the
 * cluster is known to nobody.
 */
export async function besideRemoval(object: Kustomization, context: Eyes & { memory: UnitMemory }): Promise<Beside> {
  const ranges = await behindRemoval({ object, memory: context.memory }, DEEPEST, context);
  if (ranges !== null) return { ranges, isAll: true };
  return { unknown: 'it is deleted in the cluster, and nobody tells by whom: break the glass' };
}

async function behindRemoval(
  { object: { metadata }, memory: { brought, removedBy } }: Pick<Bringer, 'object' | 'memory'>,
  depth: number,
  eyes: Eyes,
): Promise<readonly SourceRange[] | null> {
  if (removedBy !== null) return removedBy;
  const parent = parentOf({ metadata }, eyes.find);
  const before = brought?.parent ?? null;
  // Labels can be written by anybody: it is removed by the one that brought it.
  if (parent === null || depth === 0 || markFrom(parent, before) === null) return null;
  if (parent.object.metadata.deletionTimestamp !== undefined) return behindRemoval(parent, depth - 1, eyes);
  const id = idOf(metadata);
  const { bundle } = parent.memory;
  if (bundle === null || bundle.objects.some(({ key }) => keyId(key) === id)) return null;
  const found = await behindBringer(parent, { before, depth }, eyes);
  return found !== null && 'ranges' in found ? found.ranges : null;
}

/** A unit that is removed takes along those that it brought, and may be gone before they ask who is behind it. */
export async function tellRemoved(
  object: Kustomization,
  keys: readonly ObjectKey[],
  context: Eyes & { memory: UnitMemory; records: Pick<Records, 'note'> | null },
): Promise<void> {
  const { memory, find, records } = context;
  const brought = keys
    .filter(({ group, kind }) => kind === KUSTOMIZATION.kind && group === KUSTOMIZATION.group)
    .flatMap((key) => find(key) ?? []);
  const own = brought.filter((one) => one.memory.brought?.parent?.uid === memory.uid && one.memory !== memory);
  if (own.length === 0) return;
  const ranges = await behindRemoval({ object, memory }, DEEPEST, context);
  for (const one of own) {
    one.memory.removedBy = ranges;
    // Before it is compared with what is there, its record knows more of it than this process.
    if (one.memory.recalled === null) records?.note(one.memory);
  }
}

/** Whether a unit is being deleted that another one brought. */
export function isRemovedBy({ metadata }: Kustomization, id: string): boolean {
  const owner = metadata.deletionTimestamp === undefined ? null : ownerOf({ metadata });
  return owner?.kind === KUSTOMIZATION.kind && objectId(owner) === id;
}

async function behind({ object, before, now, depth }: Difference, eyes: Eyes): Promise<Found> {
  const { namespace = '' } = object.metadata;
  const shape = othersIn(before.shape, now.shape);
  // What nothing is taken from any more makes no difference by what it says.
  const values = othersIn(before.values, now.values).filter((name) => name in now.values);
  const asked = [
    ...(shape.length === 0 ? [] : [{ what: shape, of: behindUnit(object, { before: before.parent, depth }, eyes) }]),
    ...values.map((name) => {
      const config = { namespace, name, value: now.values[name] };
      return { what: [name], of: behindConfig(config, { before: before.configs[name] ?? null, depth }, eyes) };
    }),
  ];
  const found = await Promise.all(
    asked.map(async ({ what, of }): Promise<Found> => {
      const told = (await of) ?? { unknown: what };
      if (!('absent' in told)) return told;
      const { namespace: place, name } = told.absent;
      // Another replica may work on it.
      return {
        unknown: what.map((one) => `${one}, brought by Kustomization ${place}/${name} that is not at work here,`),
      };
    }),
  );
  const unknown = found.flatMap((one) => ('unknown' in one ? one.unknown : []));
  return unknown.length > 0 ? { unknown } : { ranges: found.flatMap((one) => ('ranges' in one ? one.ranges : [])) };
}

/** What is known of the unit that brings something. */
interface Known {
  /** What it was made from when it brought what was there before; null where nobody knows. */
  before: Mark | null;
  depth: number;
}

/** What is to bring something is none of those that this process works on. */
interface Absent {
  absent: UnitRef;
}

/** Null where not all that the unit says is what another one brought. */
async function behindUnit({ metadata }: Kustomization, known: Known, eyes: Eyes): Promise<Found | Absent | null> {
  const { namespace = '', name, uid } = metadata;
  const live = await eyes.cluster.get({ ...KUSTOMIZATION, namespace, name }, { signal: eyes.signal });
  if (live === null || live.metadata.generation !== metadata.generation) return null;
  const parent = parentOf(live, eyes.find);
  if (parent === null) return absentOf(live);
  if (!isAsBrought(live, { id: idOf(metadata), has: hasShape }, parent.memory)) return null;
  // The one that brings itself brings that it does.
  if (parent.memory.uid === uid) return { ranges: rangesOf(parent, markFrom(parent, known.before)) };
  return behindBringer(parent, known, eyes);
}

/** Null where not all that the ConfigMap or Secret says is what a unit brought. */
async function behindConfig(
  { namespace, name, value }: { namespace: string; name: string; value: string | undefined },
  known: Known,
  eyes: Eyes,
): Promise<Found | Absent | null> {
  const [kind, called = ''] = name.split(' ');
  if (kind !== 'ConfigMap' && kind !== 'Secret') return null;
  const key = { group: '', version: 'v1', kind, namespace, name: called };
  const live = await eyes.cluster.get(key, { signal: eyes.signal });
  if (live === null || (await valueOf(kind, live, eyes.seal)) !== value) return null;
  const bringer = parentOf(live, eyes.find);
  if (bringer === null) return absentOf(live);
  if (!isAsBrought(live, { id: keyId(key), has: hasData }, bringer.memory)) return null;
  return behindBringer(bringer, known, eyes);
}

/** Those whose commits the unit that brings it is made of, and whoever is behind that one: it may be changed in the cluster too. */
async function behindBringer(bringer: Bringer, { before: brought, depth }: Known, eyes: Eyes): Promise<Found | null> {
  const { object, memory } = bringer;
  const mark = markFrom(bringer, brought);
  const before = mark ?? memory.brought;
  if (memory.brought === null || before === null || depth === 0) return null;
  // What stands elsewhere is no work of these commits.
  if (memory.bundle !== null && memory.bundle.reads.remotes.length > 0) return null;
  const now = { shape: shapeOf(object), values: memory.brought.values };
  const { shape: delivered } = memory.brought;
  // It was delivered with what it says no more: what it brought then may be there yet.
  const between = othersIn(before.shape, delivered).filter((field) => delivered[field] !== now.shape[field]);
  const above: Found =
    between.length > 0 ? { unknown: between } : await behind({ object, before, now, depth: depth - 1 }, eyes);
  if ('ranges' in above) return { ranges: [...rangesOf(bringer, mark), ...above.ranges] };
  const { namespace, name } = memory.ref;
  return { unknown: above.unknown.map((what) => `${what} of Kustomization ${namespace}/${name}`) };
}

/** What another unit was made from that brought it before says nothing of this one. */
function markFrom({ memory }: Bringer, before: Mark | null): Mark | null {
  return before?.uid === memory.uid ? before : null;
}

/** Up to what its source has on offer, and to what was delivered last, where that was taken back since. */
function rangesOf({ object, memory, revision }: Bringer, before: Mark | null): SourceRange[] {
  const since = before?.revision ?? null;
  const delivered = memory.bundle?.revision ?? revision;
  const ends = delivered === since ? [revision] : [...new Set([revision, delivered])];
  return ends.map((end) => ({ source: sourceOf(object), range: { revision: end, since } }));
}

function parentOf(object: Pick<KubeObject, 'metadata'>, find: FindUnit): Bringer | null {
  const owner = ownerOf(object);
  return owner === null ? null : unitNamed(owner, find);
}

function absentOf(object: KubeObject): Absent | null {
  const owner = ownerOf(object);
  return owner?.kind === KUSTOMIZATION.kind ? { absent: owner } : null;
}

function unitNamed(ref: UnitRef, find: FindUnit): Bringer | null {
  return ref.kind === KUSTOMIZATION.kind ? find(ref) : null;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Whether it is just as we applied it, and nobody else has a say in what counts of it: names of field managers are free for all, what we own is not.
 * @param has whether fields of another manager are some that count
 */
function isAsBrought(
  live: KubeObject,
  { id, has }: { id: string; has: (fields: Fields) => boolean },
  { applied, recalled }: UnitMemory,
): boolean {
  const left = (applied.get(id) ?? recalled?.get(id))?.ownedHash ?? '';
  if (left === '' || left !== ownedHash(live, APPLY_MANAGER)) return false;
  const others = (live.metadata.managedFields ?? []).filter(
    ({ manager, operation }) => manager !== APPLY_MANAGER || operation !== 'Apply',
  );
  return !others.some(({ fieldsV1 }) => has((fieldsV1 ?? {}) as Fields));
}

/** Whoever suspends a unit and lets it go on has no say in what it makes. */
function hasShape(fields: Fields): boolean {
  return Object.keys((fields['f:spec'] ?? {}) as Fields).some((field) => isShaping(field.replace(/^f:/, '')));
}

function hasData(fields: Fields): boolean {
  return 'f:data' in fields || 'f:stringData' in fields;
}

function idOf({ namespace = '', name }: KubeObject['metadata']): string {
  return keyId({ ...KUSTOMIZATION, namespace, name });
}

function nobodyKnows(what: readonly string[]): Beside {
  const unknown = `${what.join(', ')} changed in the cluster, and nobody tells by whom: bring it by a commit, or break the glass`;
  return { unknown };
}
