import type { KubeObject } from '@plumb/api';
import { asPlumbError, keyId, PlumbError } from '@plumb/api';
import { immutableFields, takeOverPatch } from '@plumb/core';
import type { ApplyContext, Change } from './apply.ts';
import type { Checked } from './check.ts';
import { mayRecreate, remove } from './recreate.ts';
import { record, send, storedOf } from './send.ts';
import { bodyOf } from './unit.ts';

const ATTEMPTS = 5;

/** Brings one object into the cluster. Events about it that come meanwhile are judged when its answer is in. */
export async function write(checked: Checked, context: ApplyContext, changes: Change[]): Promise<void> {
  const { action, live } = checked;
  const id = keyId(action.key);
  const known = context.live.get(id) ?? context.unit.applied.get(id);
  context.unit.inFlight.add(id);
  try {
    if (live !== undefined && live !== null) await takeOver(checked, live, context);
    const { answer, recreated } = await apply(checked, context);
    record(storedOf(action, context), answer, context);
    const word = recreated === null ? wordFor(answer, live === undefined ? known : live?.metadata) : 'created';
    changes.push({ key: action.key, action: word, ...(recreated === null ? {} : { recreated }) });
  } finally {
    context.unit.inFlight.delete(id);
    context.onAnswer(id);
  }
}

/** `recreated` names the fields that could not change; null when nothing had to be deleted. */
async function apply(
  { action }: Checked,
  context: ApplyContext,
): Promise<{ answer: KubeObject; recreated: string[] | null }> {
  try {
    return { answer: await send(action, context, false), recreated: null };
  } catch (thrown) {
    const error = asPlumbError(thrown);
    const recreated = immutableFields(error.message);
    if (recreated === null) throw thrown;
    const live = await context.cluster.get(action.key, { signal: context.signal });
    if (live === null || !mayRecreate(action, live, error, context)) throw thrown;
    await remove(action.key, live, context);
    return { answer: await send(action, context, false), recreated };
  }
}

/**
 * Makes the fields of kubectl and of other former managers ours, so that those not declared go with the apply that follows. Most objects hold none
 * and cost no request; one that does is read first, for what was looked at may be how the apply would leave it.
 */
async function takeOver({ action }: Checked, looked: KubeObject, context: ApplyContext): Promise<void> {
  const { cluster, fieldManager, overriddenManagers, signal } = context;
  const declared = bodyOf(storedOf(action, context));
  const how = { manager: fieldManager, overridden: overriddenManagers };
  if (takeOverPatch(looked, declared, how).length === 0) return;
  for (let attempt = 1; ; attempt++) {
    const live = await cluster.get(action.key, { signal });
    const patch = live === null ? [] : takeOverPatch(live, declared, how);
    if (patch.length === 0) return;
    try {
      await cluster.patch(action.key, patch, { type: 'json', fieldManager, signal });
      return;
    } catch (thrown) {
      // Written by somebody else in between: read again.
      const raced = thrown instanceof PlumbError && thrown.code === 'api-conflict';
      if (!raced || attempt === ATTEMPTS) throw thrown;
    }
  }
}

/** What was there last tells: an object of another uid was made by this apply, for what was looked at may have been deleted since. */
function wordFor(
  answer: KubeObject,
  last: Pick<KubeObject['metadata'], 'uid' | 'resourceVersion'> | undefined,
): Change['action'] {
  if (last === undefined || last.uid !== answer.metadata.uid) return 'created';
  return last.resourceVersion === answer.metadata.resourceVersion ? 'unchanged' : 'configured';
}
