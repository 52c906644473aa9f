import { APPLY_MANAGER, keyId, KUSTOMIZATION, type Kustomization, type KubeObject, type UnitRef } from '@plumb/api';
import { isSameUnit, ownedHash, ownerOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { isShaping, othersIn, shapeOf, type Ground } from '../../delivery/brought.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
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

/** What the unit that brings this one was made from, where this one is as that left it. */
export function groundOfParent({ metadata }: Kustomization, find: FindUnit): Ground | null {
  const { memory } = parentOf({ metadata }, find) ?? {};
  const left = memory?.applied.get(idOf(metadata));
  const isAsLeft =
    left?.generation !== undefined && left.generation === metadata.generation && left.uid === metadata.uid;
  return isAsLeft ? (memory?.brought ?? null) : null;
}

/**
 * Who changed a unit in the cluster since what is in force was made, beside those whose commits are new. What another unit brought is the work of those who
 * made the commits of that one; whoever else edits objects there is known to nobody.
 */
export async function besideOf(
  object: Kustomization,
  now: Ground,
  context: { memory: UnitMemory; cluster: Pick<Cluster, 'get'>; find: FindUnit; signal: AbortSignal },
): Promise<Beside> {
  const { brought, moved } = context.memory;
  if (moved) return nobodyKnows(['the cluster that it goes to']);
  if (brought === null) return null;
  const [shape, values] = [othersIn(brought.shape, now.shape), othersIn(brought.values, now.values)];
  if (values.length > 0) return nobodyKnows([...shape, ...values]);
  if (shape.length === 0) return null;
  return (await bringers(object, brought, context)) ?? nobodyKnows(shape);
}

/** Null where not all that the unit says is what another one brought by its commits. */
async function bringers(
  object: Kustomization,
  { parent: mark }: Ground,
  { cluster, find, signal }: { cluster: Pick<Cluster, 'get'>; find: FindUnit; signal: AbortSignal },
): Promise<Exclude<Beside, { unknown: string }>> {
  const { metadata } = object;
  const { namespace = '', name } = metadata;
  const live = await cluster.get({ ...KUSTOMIZATION, namespace, name }, { signal });
  if (live === null || live.metadata.generation !== metadata.generation) return null;
  const parent = parentOf(live, find);
  if (parent === null || !isAsBrought(live, parent.memory)) return null;
  const before = mark ?? parent.memory.brought;
  const isSelf = isSameUnit(parent.memory.ref, { kind: KUSTOMIZATION.kind, namespace, name });
  if (!isSelf && (before === null || isEdited(parent, before))) return null;
  const range = { revision: parent.revision, since: mark?.revision ?? null };
  return { source: sourceOf(parent.object), range };
}

function parentOf(object: Pick<KubeObject, 'metadata'>, find: FindUnit): Bringer | null {
  const owner = ownerOf(object);
  return owner?.kind === KUSTOMIZATION.kind ? find(owner) : null;
}

/** Who brings it may be changed in the cluster too. */
function isEdited({ object, memory }: Bringer, before: Pick<Ground, 'shape' | 'values'>): boolean {
  const values = memory.brought?.values ?? {};
  return othersIn(before.shape, shapeOf(object)).length + othersIn(before.values, values).length > 0;
}

/**
 * Whether it is just as we applied it, and nobody else has a say in what it makes (whoever suspends it and lets it go on has none): names of field
 * managers are free for all, what we own is not.
 */
function isAsBrought(live: KubeObject, { applied, recalled }: UnitMemory): boolean {
  const id = idOf(live.metadata);
  const left = (applied.get(id) ?? recalled?.get(id))?.ownedHash ?? '';
  if (left === '' || left !== ownedHash(live, APPLY_MANAGER)) return false;
  const others = (live.metadata.managedFields ?? []).filter(
    ({ manager, operation }) => manager !== APPLY_MANAGER || operation !== 'Apply',
  );
  const theirs = others.flatMap(({ fieldsV1 }) => Object.keys((fieldsV1?.['f:spec'] ?? {}) as object));
  return !theirs.some((field) => isShaping(field.replace(/^f:/, '')));
}

function idOf({ namespace = '', name }: KubeObject['metadata']): string {
  return keyId({ ...KUSTOMIZATION, namespace, name });
}

function nobodyKnows(what: readonly string[]): Beside {
  const unknown = `${what.join(', ')} changed in the cluster, and nobody tells by whom: bring it by a commit, or break the glass`;
  return { unknown };
}
