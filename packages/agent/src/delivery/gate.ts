import { keyId, ownMessages, userError, type ObjectKey } from '@plumb/api';
import { isKept, type ActionKind, type Cause, type ObjectFate, type Plan } from '@plumb/core';
import type { Content } from '../gates/content.ts';
import { bodyOf, type StoredBundle, type UnitMemory } from './unit.ts';

/** Judges a plan before anything of it is carried out. It throws a PlumbError to refuse; then nothing is changed. */
export type Gate = (plan: Plan) => void | Promise<void>;

/** A build that came out empty deletes nothing: an emptied folder or a wrong path is a mistake far more often than a wish. */
export function refuseEmptying(path: string): Gate {
  return (plan) => {
    if (plan.refused.length === 0) return;
    throw userError('empty-result', ownMessages.emptyResult.text({ path, objects: plan.refused.length }));
  };
}

export async function passGates(plan: Plan, gates: readonly Gate[]): Promise<void> {
  for (const gate of gates) await gate(plan);
}

const FATES: Readonly<Partial<Record<ActionKind, ObjectFate['action']>>> = {
  create: 'create',
  change: 'change',
  correct: 'change',
  compare: 'change',
};

/** What a plan does to which objects; what it leaves as it is is not there. */
export function fatesOf(plan: Plan): ObjectFate[] {
  const applied = plan.stages.flatMap(({ actions }) =>
    actions.flatMap(({ key, kind }): ObjectFate[] => {
      const action = FATES[kind];
      return action === undefined ? [] : [{ key, action }];
    }),
  );
  return [...applied, ...leavingOf(plan).map((key): ObjectFate => ({ key, action: 'delete' }))];
}

/** What a plan deletes, or makes sure of that it is gone. */
export function leavingOf({ prune, unseen }: Plan): readonly ObjectKey[] {
  const known = new Set(prune.map(keyId));
  return [...prune, ...unseen.filter((key) => !known.has(keyId(key)))];
}

/**
 * What an earlier run found out to be changed only by deleting it, of what is guarded. A repair asks nobody, and deletes none of it.
 * @param keys what may be applied now
 */
export function replacedIn(
  keys: readonly ObjectKey[],
  { replacing }: Pick<UnitMemory, 'replacing'>,
  cause: Cause,
): ObjectKey[] {
  return isKept(cause) ? [] : keys.filter((key) => replacing.has(keyId(key)));
}

/** How what gates guard is kept. What passed has its approval; what a repair would need nobody is asked for. */
export function guardOf(
  ids: ReadonlySet<string>,
  { replacing }: Pick<UnitMemory, 'replacing'>,
  cause: Cause,
): UnitMemory['guard'] {
  return isKept(cause) ? { guarded: ids, isAsked: false } : { guarded: ids.difference(replacing), isAsked: true };
}

/** What a bundle declares of the objects that are applied; its bodies are brought into memory for that. */
export async function contentsOf(
  { objects }: Pick<StoredBundle, 'objects'>,
  fates: readonly ObjectFate[],
  loadBodies: () => Promise<void>,
): Promise<Content[]> {
  const applied = new Set(fates.filter(({ action }) => action !== 'delete').map(({ key }) => keyId(key)));
  await loadBodies();
  const stored = objects.filter(({ key }) => applied.has(keyId(key)));
  return stored.map((one) => ({ key: one.key, body: bodyOf(one), path: one.origin.path, ignored: one.ignored }));
}
