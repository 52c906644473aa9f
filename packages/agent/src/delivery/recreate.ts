import type { KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import { asPlumbError, displayKey, keyId, PlumbError as Failure } from '@plumb/api';
import type { Action } from '@plumb/core';
import { asksToBeLeft, immutableFields, isSameUnit, ownerOf, rulesOf } from '@plumb/core';
import { sleep } from '../runtime/clock.ts';
import type { ApplyContext } from './apply.ts';
import { storedOf } from './send.ts';

const REFUSALS: ReadonlySet<string> = new Set(['api-invalid', 'api-conflict', 'api-forbidden']);

const ATTEMPTS = 5;

/**
 * Whether an object may be deleted and made anew: it was refused for nothing but fields that cannot change, spec.force or the object's own rule asks
 * for it, and it carries this unit's owner labels and does not ask to be left (I1).
 * @throws PlumbError `gated` where that needs an approval, `apply-failed` where nobody is asked for one
 */
export function mayRecreate(
  action: Action,
  live: KubeObject | null,
  refusal: PlumbError,
  context: ApplyContext,
): boolean {
  if (live === null || !REFUSALS.has(refusal.code) || immutableFields(refusal.message) === null) return false;
  if (asksToBeLeft(rulesOf(live, context.fieldManager))) return false;
  const forced = context.force || storedOf(action, context).rules.force || rulesOf(live, context.fieldManager).force;
  if (!forced || !isSameUnit(ownerOf(live, context.fieldManager), context.unit.ref)) return false;
  refuseGuarded(action.key, context);
  return true;
}

/** What never goes without an approval does not go to come back either: the next run asks for one, where it is no repair. @throws PlumbError `gated`, `apply-failed` */
function refuseGuarded(key: ObjectKey, { unit }: ApplyContext): void {
  const id = keyId(key);
  const { guarded, isAsked } = unit.guard;
  if (!guarded.has(id)) return;
  if (!isAsked) {
    const why = 'needs an approval that no repair asks for: delete it, or change what is declared of it';
    const text = `${displayKey(key)} can only be put right by deleting it and making it anew, which ${why}`;
    throw new Failure('apply-failed', text, { fault: 'user', policy: 'retry' });
  }
  unit.replacing.add(id);
  const text = `${displayKey(key)} can only be changed by deleting it and making it anew, which waits for an approval`;
  throw new Failure('gated', text, { fault: 'user', policy: 'retry', retryAfter: 0 });
}

/**
 * Deletes an object as it was read, and waits until it is gone.
 * @throws PlumbError the refusal, when it may not be deleted for it any more; `timeout` when a finalizer keeps it longer than a stage may take.
 */
export async function remove(
  action: Action,
  live: KubeObject,
  refusal: PlumbError,
  context: ApplyContext,
): Promise<void> {
  const { cluster, clock, signal, stageTimeout } = context;
  const { key } = action;
  const { uid = '' } = live.metadata;
  await deleteAsRead(action, live, refusal, context);
  const end = clock.now() + stageTimeout;
  let left: KubeObject | null = live;
  for (let wait = 50; left !== null && left.metadata.uid === uid; wait = Math.min(wait * 2, 1_000)) {
    left = await cluster.get(key, { signal });
    if (left === null || left.metadata.uid !== uid) break;
    if (clock.now() >= end) throw stuck(key, left);
    await sleep(clock, wait);
  }
  // The watch must have let go of it too, or its end would look like the end of the new one.
  await context.live.until(() => context.live.get(keyId(key))?.uid !== uid, Math.max(0, end - clock.now()), signal);
}

/** One that changed after it was read is read again, and judged again. Another one of its name is not touched. */
async function deleteAsRead(
  action: Action,
  live: KubeObject,
  refusal: PlumbError,
  context: ApplyContext,
): Promise<void> {
  const { cluster, signal } = context;
  const { key } = action;
  const { uid = '' } = live.metadata;
  let read: KubeObject | null = live;
  for (let attempt = 1; read !== null && read.metadata.uid === uid; attempt++) {
    const { deletionTimestamp, resourceVersion = '' } = read.metadata;
    if (deletionTimestamp !== undefined) return;
    if (!mayRecreate(action, read, refusal, context)) throw refusal;
    try {
      await cluster.delete(key, { preconditions: { uid, resourceVersion }, propagationPolicy: 'Background', signal });
      return;
    } catch (thrown) {
      if (asPlumbError(thrown).code !== 'api-conflict' || attempt === ATTEMPTS) throw thrown;
    }
    read = await cluster.get(key, { signal });
  }
}

function stuck(key: ObjectKey, { metadata }: KubeObject): PlumbError {
  const keepers = (metadata.finalizers ?? []).join(', ') || 'none';
  return new Failure(
    'timeout',
    `${displayKey(key)} was deleted to be created again and is still there; its finalizers: ${keepers}`,
    { fault: 'system', policy: 'retry' },
  );
}
