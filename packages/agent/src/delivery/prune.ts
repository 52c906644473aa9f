import type { KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import { asPlumbError, displayKey, PlumbError } from '@plumb/api';
import { allowsPruning, isSameUnit, ownerOf, ownershipOf, pruneSteps, rulesOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { settleAll } from '../runtime/parallel.ts';
import type { Change } from './apply.ts';
import { toldOf } from './hide-secrets.ts';

export interface PruneContext {
  cluster: Cluster;
  unit: UnitRef;
  /** Whether an object without the unit's labels is its own all the same; by default none is. */
  owns?: ((object: KubeObject) => boolean) | undefined;
  /** What becomes of what the objects made; by default it goes after them. */
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  /** A value of any object may come from a Secret: none is told. */
  hidesValues: boolean;
  /** Requests this unit may have under way at once. */
  parallel: number;
  signal: AbortSignal;
}

/**
 * Deletes objects kind by kind, so that what refers to others goes before them; those of one kind go together. Each is read first and deleted only
 * as it was read: in this unit's inventory, with its owner labels, and not excepted by a rule (I1). One that is going already is left to go; one
 * that cannot be deleted does not keep the others from it.
 * @returns in `kept` the keys of those that could not be deleted
 * @throws never for a single object: `failures` says what went wrong
 */
export async function prune(
  keys: readonly ObjectKey[],
  context: PruneContext,
): Promise<{ changes: Change[]; kept: ObjectKey[]; failures: string[] }> {
  const changes: Change[] = [];
  const kept: ObjectKey[] = [];
  const failures: string[] = [];
  for (const step of pruneSteps(keys)) {
    const answers = await settleAll(step, context.parallel, (key) => deleteOwned(key, context));
    for (const [index, answer] of answers.entries()) {
      const key = step[index] as ObjectKey;
      if (answer.ok && answer.value) changes.push({ key, action: 'deleted' });
      if (answer.ok) continue;
      const error = asPlumbError(answer.error);
      if (error.code === 'cancelled') throw error;
      kept.push(key);
      failures.push(`${displayKey(key)} delete failed: ${toldOf(error, key, context.hidesValues)}`);
    }
  }
  return { changes, kept, failures };
}

/**
 * Which of these, that no watch shows, are there all the same: a watch may be behind. Where the unit's account may not look, the watch is believed:
 * what was never made for want of rights would hold up its unit for ever.
 * @returns those that are there, and those of which it could not be found out
 */
export async function thereUnseen(keys: readonly ObjectKey[], context: PruneContext): Promise<ObjectKey[]> {
  const { cluster, parallel, signal } = context;
  const answers = await settleAll(keys, parallel, async (key) => {
    return (await cluster.resource(key)) !== null && (await cluster.get(key, { signal })) !== null;
  });
  return keys.filter((_, index) => {
    const answer = answers[index];
    if (answer?.ok === true) return answer.value;
    return asPlumbError(answer?.error).code !== 'api-forbidden';
  });
}

/**
 * Which of these `prune` would delete.
 * @returns those, and the ones of which it could not be found out
 */
export async function ownedThere(keys: readonly ObjectKey[], context: PruneContext): Promise<ObjectKey[]> {
  const answers = await settleAll(keys, context.parallel, (key) => readOwned(key, context));
  return keys.filter((_, index) => {
    const answer = answers[index];
    return answer?.ok !== true || answer.value !== null;
  });
}

/** @returns null where there is nothing of ours to delete, or it is going already */
async function readOwned(key: ObjectKey, context: PruneContext): Promise<KubeObject | null> {
  const { cluster, signal } = context;
  if ((await cluster.resource(key)) === null) return null;
  const object = await cluster.get(key, { signal });
  if (object === null || !isOwned(object, context) || object.metadata.deletionTimestamp !== undefined) return null;
  return object;
}

const ATTEMPTS = 5;

/** @returns false when there was nothing of ours to delete */
async function deleteOwned(key: ObjectKey, context: PruneContext): Promise<boolean> {
  const { cluster, signal, propagation = 'Background' } = context;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const object = await readOwned(key, context);
    if (object === null) return false;
    const { uid, resourceVersion } = object.metadata;
    try {
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      await cluster.delete(key, { preconditions, propagationPolicy: propagation, signal });
      return true;
    } catch (thrown) {
      // It changed after it was read: look again whether it is still ours to delete.
      if (!(thrown instanceof PlumbError) || thrown.code !== 'api-conflict') throw thrown;
    }
  }
  throw new PlumbError('prune-failed', `${displayKey(key)} keeps changing while it is to be deleted`, {
    fault: 'system',
    policy: 'retry',
  });
}

function isOwned(object: KubeObject, { unit, owns }: PruneContext): boolean {
  const { manager } = ownershipOf(unit);
  const isOurs = isSameUnit(ownerOf(object, manager), unit) || owns?.(object) === true;
  return isOurs && allowsPruning(rulesOf(object, manager));
}
