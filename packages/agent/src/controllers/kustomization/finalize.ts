import type { Kustomization, KubeObject, ObjectKey, Said } from '@plumb/api';
import { APPLY_MANAGER, asPlumbError, keyId, kustomizationMessages as messages, PlumbError, say } from '@plumb/api';
import { timeoutOf } from '../../delivery/prepare.ts';
import { prune } from '../../delivery/prune.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import { dropFinalizer } from '../../runtime/finalizer.ts';
import type { Hands } from './act.ts';
import { inventoryKeys, unitRef } from './act.ts';
import { actingAs } from './acting-as.ts';

/** What the deletion of a Kustomization did, and whether the object may go: 'wait' for its own to end, 'retry' after a failure. */
export interface Finalized {
  deleted: readonly ObjectKey[];
  said: readonly Said[];
  next: 'gone' | 'wait' | 'retry';
}

/**
 * Deletes what the unit owns, as spec.deletionPolicy says (MirrorPrune follows spec.prune; suspended: nothing), then lets the object go. A service
 * account that is gone cannot delete anything any more: that is said, and the object goes all the same (Flux: pkg/ssa).
 */
export async function finalize(object: Kustomization, memory: UnitMemory, hands: Hands): Promise<Finalized> {
  const keys = ownedToDelete(object);
  if (keys instanceof PlumbError)
    return { deleted: [], said: [say(messages.pruneFailed, { error: keys.message })], next: 'retry' };
  if (keys.length > 0 && (await accountIsGone(object, hands))) {
    await letGo(object, hands);
    return { deleted: [], said: [say(messages.accountGone, { objects: keys })], next: 'gone' };
  }
  const waits = object.spec.deletionPolicy === 'WaitForTermination';
  if (waits) await hands.live.watchKinds(keys);
  for (const key of keys) memory.applied.delete(keyId(key));
  memory.drifted.clear();
  memory.tolerated.clear();
  const { parallel, signal } = hands;
  const context = { cluster: actingAs(object, hands), unit: unitRef(object), parallel, signal };
  const { changes, failures } = await prune(leftToDelete(keys, memory, hands), context);
  const deleted = changes.map((change) => change.key);
  if (failures.length > 0) {
    const said = [say(messages.deletionPruneFailed, {}), say(messages.pruneFailed, { error: failures.join('\n') })];
    return { deleted, said, next: 'retry' };
  }
  if (!waits || keys.length === 0) {
    await letGo(object, hands);
    return { deleted, said: [], next: 'gone' };
  }
  return endOfWait(object, { memory, hands, keys, deleted });
}

/** Once the end of what was deleted is waited for, only what the watch shows and is not going yet is looked at again. */
function leftToDelete(keys: readonly ObjectKey[], memory: UnitMemory, { live }: Hands): readonly ObjectKey[] {
  if (memory.terminateBy === null) return keys;
  return keys.filter((key) => {
    const seen = live.get(keyId(key));
    return seen !== undefined && seen.health.status !== 'Terminating';
  });
}

/** WaitForTermination: the object stays until what was deleted is gone, or the timeout is over. What a rule keeps is not waited for. */
async function endOfWait(
  object: Kustomization,
  context: { memory: UnitMemory; hands: Hands; keys: readonly ObjectKey[]; deleted: readonly ObjectKey[] },
): Promise<Finalized> {
  const { memory, hands, keys, deleted } = context;
  const now = hands.clock.now();
  memory.terminateBy ??= now + timeoutOf(object);
  const fresh = new Set(deleted.map(keyId));
  const ending = keys.some((key) => {
    const seen = hands.live.get(keyId(key));
    return seen !== undefined && (fresh.has(keyId(key)) || seen.health.status === 'Terminating');
  });
  if (ending && now < memory.terminateBy) return { deleted, said: [], next: 'wait' };
  await letGo(object, hands);
  return { deleted, said: ending ? [say(messages.terminationTimeout, {})] : [], next: 'gone' };
}

/** @returns the error instead, where the inventory cannot be read: nobody knows then what would be left behind */
function ownedToDelete(object: Kustomization): ObjectKey[] | PlumbError {
  const { deletionPolicy = 'MirrorPrune', prune: prunes, suspend } = object.spec;
  if (suspend === true || deletionPolicy === 'Orphan') return [];
  if (deletionPolicy === 'MirrorPrune' && !prunes) return [];
  try {
    return inventoryKeys(object);
  } catch (error) {
    return asPlumbError(error);
  }
}

async function accountIsGone(object: Kustomization, hands: Hands): Promise<boolean> {
  const name = object.spec.serviceAccountName ?? hands.defaultServiceAccount;
  if (name === undefined) return false;
  const key = { group: '', version: 'v1', kind: 'ServiceAccount', namespace: object.metadata.namespace ?? '', name };
  return (await hands.cluster.get(key, { signal: hands.signal })) === null;
}

function letGo(object: Kustomization, hands: Hands): Promise<void> {
  return dropFinalizer(object as KubeObject, { ...hands, fieldManager: APPLY_MANAGER });
}
