import type { KubeObject } from '@plumb/api';
import { keyId, PlumbError } from '@plumb/api';
import type { Action } from '@plumb/core';
import { isSameUnit } from '@plumb/core';
import type { ApplyContext } from './apply.ts';
import { settleDrift } from './drift.ts';
import type { StoredObject } from './unit.ts';

export function storedOf(action: Action, context: ApplyContext): StoredObject {
  const stored = context.bundle.objects[action.index];
  if (stored !== undefined) return stored;
  throw new PlumbError('internal', 'plan and bundle disagree', { fault: 'system', policy: 'retry' });
}

/** Server-side apply as the unit, conflicts decided for us; `dryRun` asks what it would do. */
export function send(body: KubeObject, context: ApplyContext, dryRun: boolean): Promise<KubeObject> {
  const { cluster, fieldManager, signal } = context;
  return cluster.apply(body, { fieldManager, force: true, dryRun, signal });
}

/**
 * Remembers the object as our apply left it, or as it was found to be right: another state seen later is drift. The watch may have shown that
 * before the answer was in, and has told nobody who would remember.
 */
export function record(stored: StoredObject, live: KubeObject, context: ApplyContext): void {
  const observed = context.live.note(live);
  const id = keyId(stored.key);
  settleDrift(context.unit, id, context.clock.now());
  const { drift } = stored.rules;
  context.unit.applied.set(id, {
    desiredDigest: stored.digest,
    ownedHash: observed.ownedHash,
    uid: observed.uid,
    resourceVersion: observed.resourceVersion,
    ...(drift === undefined ? {} : { drift }),
  });
  const seen = context.live.get(id);
  if (seen === undefined) context.unit.drifted.set(id, 'gone');
  else if (seen.ownedHash !== observed.ownedHash && isSameUnit(seen.owner, context.unit.ref))
    context.unit.drifted.set(id, 'unread');
}
