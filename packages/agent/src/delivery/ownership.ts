import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import { releasePatch, takeOverPatch } from '@plumb/core';
import type { ApplyContext } from './apply.ts';
import type { Checked } from './check.ts';
import { storedOf } from './send.ts';
import type { StoredObject } from './unit.ts';
import { bodyOf } from './unit.ts';

const ATTEMPTS = 5;

type PatchFor = (live: KubeObject) => JsonObject[];

/**
 * Makes the fields of kubectl and of other former managers ours, so that those not declared go with the apply that follows, and gives up those
 * that are ignored, so that they do not. Most objects need neither and cost no request; one that does is read first, for what was looked at
 * may be how the apply would leave it. The repair of drift takes nothing over.
 */
export async function takeOver(
  { action }: Checked,
  looked: KubeObject,
  context: ApplyContext & { takes: boolean },
): Promise<void> {
  const stored = storedOf(action, context);
  const { fieldManager: manager, overriddenManagers: overridden } = context;
  const declared = bodyOf(stored);
  const how = { manager, overridden, ignored: stored.ignored };
  const patchFor: PatchFor = context.takes
    ? (live) => takeOverPatch(live, declared, how)
    : (live) => releasePatch({ declared, live }, { manager, pointers: stored.ignored });
  if (patchFor(looked).length > 0) await patchOwnership(action.key, null, patchFor, context);
}

/** Gives up the ignored fields that an apply made ours. @returns the object as it is after that */
export async function giveUpIgnored(
  stored: StoredObject,
  answer: KubeObject,
  context: ApplyContext,
): Promise<KubeObject> {
  if (stored.ignored.length === 0) return answer;
  const declared = bodyOf(stored);
  const how = { manager: context.fieldManager, pointers: stored.ignored };
  const left = await patchOwnership(stored.key, answer, (live) => releasePatch({ declared, live }, how), context);
  return left ?? answer;
}

/** Patches until the patch fits what is there. `live` is what is known to be there now; null: it is read. @returns null when it is gone */
async function patchOwnership(
  key: ObjectKey,
  live: KubeObject | null,
  patchFor: PatchFor,
  { cluster, fieldManager, signal }: ApplyContext,
): Promise<KubeObject | null> {
  let current = live;
  for (let attempt = 1; ; attempt++) {
    current ??= await cluster.get(key, { signal });
    const patch = current === null ? [] : patchFor(current);
    if (patch.length === 0) return current;
    try {
      return await cluster.patch(key, patch, { type: 'json', fieldManager, signal });
    } catch (thrown) {
      const code = thrown instanceof PlumbError ? thrown.code : null;
      if (code === 'api-not-found') return null;
      // Written by somebody else in between: read again.
      if (code !== 'api-conflict' || attempt === ATTEMPTS) throw thrown;
      current = null;
    }
  }
}
