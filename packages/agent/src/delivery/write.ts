import type { KubeObject, PlumbError } from '@plumb/api';
import { asPlumbError, keyId } from '@plumb/api';
import type { Action } from '@plumb/core';
import { immutableFields } from '@plumb/core';
import type { ApplyContext, Change } from './apply.ts';
import type { Checked } from './check.ts';
import { giveUpIgnored, takeOver } from './ownership.ts';
import { mayRecreate, remove } from './recreate.ts';
import { record, send, storedOf } from './send.ts';
import { bodyOf, declaredOf } from './unit.ts';

/** Brings one object into the cluster. Events about it that come meanwhile are judged when its answer is in. */
export async function write(checked: Checked, context: ApplyContext, changes: Change[]): Promise<void> {
  const { action, live } = checked;
  const id = keyId(action.key);
  const known = context.live.get(id) ?? context.unit.applied.get(id);
  context.unit.inFlight.add(id);
  try {
    const there = live === undefined ? await readIgnored(checked, context) : live;
    if (there !== null) await takeOver(checked, there, { ...context, takes: live !== undefined });
    const { answer, recreated } = await apply({ action, live: there }, context);
    const stored = storedOf(action, context);
    record(stored, await giveUpIgnored(stored, answer, context), context);
    const word = recreated === null ? wordFor(answer, live === undefined ? known : live?.metadata) : 'created';
    changes.push({ key: action.key, action: word, ...(recreated === null ? {} : { recreated }) });
  } catch (thrown) {
    forgetUnanswered(action, asPlumbError(thrown), context);
    throw thrown;
  } finally {
    context.unit.inFlight.delete(id);
    context.onAnswer(id);
  }
}

/** The API server says by these that it has done nothing. */
const REFUSALS: ReadonlySet<PlumbError['code']> = new Set([
  'api-invalid',
  'api-forbidden',
  'api-not-found',
  'api-conflict',
]);

/**
 * A new declaration that was sent and not answered may be in force: our own change must not look like somebody's drift, to be taken back and told.
 * The next run compares.
 */
function forgetUnanswered(action: Action, error: PlumbError, context: ApplyContext): void {
  const id = keyId(action.key);
  const isNew = context.unit.applied.get(id)?.desiredDigest !== storedOf(action, context).digest;
  if (isNew && !REFUSALS.has(error.code)) context.unit.disown(id);
}

/** What may be sent of an object with ignored fields depends on what is there; any other need not be read. */
async function readIgnored({ action }: Checked, context: ApplyContext): Promise<KubeObject | null> {
  if (storedOf(action, context).ignored.length === 0 || context.setsIgnored === true) return null;
  return context.cluster.get(action.key, { signal: context.signal });
}

/** `recreated` names the fields that could not change; null when nothing had to be deleted. */
async function apply(
  { action, live: there = null }: Checked,
  context: ApplyContext,
): Promise<{ answer: KubeObject; recreated: string[] | null }> {
  const stored = storedOf(action, context);
  try {
    const declared = context.setsIgnored === true ? bodyOf(stored) : declaredOf(stored, there);
    return { answer: await send(declared, context, false), recreated: null };
  } catch (thrown) {
    const error = asPlumbError(thrown);
    const recreated = immutableFields(error.message);
    if (recreated === null) throw thrown;
    const live = await context.cluster.get(action.key, { signal: context.signal });
    if (live === null || !mayRecreate(action, live, error, context)) throw thrown;
    await remove(action, live, error, context);
    return { answer: await send(bodyOf(stored), context, false), recreated };
  }
}

/** What there was last tells: an object of another uid was made by this apply, for what was looked at may have been deleted since. */
function wordFor(
  answer: KubeObject,
  last: Pick<KubeObject['metadata'], 'uid' | 'resourceVersion'> | undefined,
): Change['action'] {
  if (last === undefined || last.uid !== answer.metadata.uid) return 'created';
  return last.resourceVersion === answer.metadata.resourceVersion ? 'unchanged' : 'configured';
}
