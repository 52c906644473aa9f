import type { KubeObject } from '@plumb/api';
import { asPlumbError, keyId } from '@plumb/api';
import type { Action, Cause } from '@plumb/core';
import { asksToBeLeft, declaredFor, matchesLive, rulesOf } from '@plumb/core';
import { settleAll } from '../runtime/parallel.ts';
import type { ApplyContext, Change } from './apply.ts';
import { hasRun } from './ended-jobs.ts';
import { mayRecreate } from './recreate.ts';
import { reader } from './read-live.ts';
import { record, send, storedOf } from './send.ts';
import { throwFailures } from './apply-failures.ts';
import { bodyOf, declaredOf } from './unit.ts';

/** An action to carry out. `live` is what is there, or how it would be after the apply; null: nothing; undefined: it was not looked at. */
export interface Checked {
  action: Action;
  live: KubeObject | null | undefined;
}

/** What looking came to: it is to be written, its rules say to leave it alone, or nothing is left to do. */
type Looked = Checked | 'left alone' | 'done';

/**
 * After a restart nothing is known of our last apply: what already is as declared is left alone, by reading only. A user that has not delivered
 * it before applies it all the same: that it may read it does not say that it may write it.
 */
export async function leaveEqualOnes(actions: readonly Action[], context: ApplyContext): Promise<Action[]> {
  if (context.unit.unproven) return [...actions];
  const compare = actions.filter((action) => action.kind === 'compare');
  const read = reader(
    compare.map(({ key }) => key),
    context,
  );
  const answers = await settleAll(compare, context.parallel, async (action) =>
    isAsDeclared(action, await read(action.key), context),
  );
  const equal = new Set(compare.filter((_, index) => answers[index]?.ok === true && answers[index].value));
  return actions.filter((action) => !equal.has(action));
}

function isAsDeclared(action: Action, live: KubeObject | null, context: ApplyContext): boolean {
  if (live === null) return false;
  const stored = storedOf(action, context);
  // Whether an ignored field was declared otherwise before is not known any more.
  const declared = context.setsIgnored === true ? bodyOf(stored) : declaredOf(stored, live);
  if (matchesLive(declared, live, context.fieldManager) !== 'equal') return false;
  record(stored, live, context);
  return true;
}

/**
 * Looks at every object before the first is written, by a dry run: one that is refused leaves its whole stage as it was (Flux: pkg/ssa). What drifted
 * was accepted before and is not checked again; but whether something is there that was not in view is looked at even then.
 * @returns what is to be written; what its own rules leave alone is in `changes`
 */
export async function check(
  actions: readonly Action[],
  cause: Cause,
  context: ApplyContext,
  changes: Change[],
): Promise<Checked[]> {
  const answers = await settleAll(actions, context.parallel, async (action): Promise<Looked> => {
    if (isSafe(action, cause, { alone: actions.length === 1, context })) return { action, live: undefined };
    return action.kind === 'create' ? lookAtNew(action, context) : lookAtKnown(action, context);
  });
  throwFailures(answers, actions, context, 'dry-run');
  return answers.flatMap((answer, index) => {
    if (!answer.ok || answer.value === 'done') return [];
    if (answer.value !== 'left alone') return [answer.value];
    const { key } = actions[index] as Action;
    context.unit.disown(keyId(key));
    changes.push({ key, action: 'skipped' });
    return [];
  });
}

/** Whether looking can be spared: there is nothing else in the stage to protect, and nothing to take over. */
function isSafe(action: Action, cause: Cause, at: { alone: boolean; context: ApplyContext }): boolean {
  if (action.kind === 'create') return false;
  if (cause === 'drift') return true;
  const { live, overriddenManagers } = at.context;
  const former = overriddenManagers.length > 0 || live.get(keyId(action.key))?.former === true;
  return at.alone && action.kind !== 'compare' && !former;
}

/** An object of ours by its labels: the plan has seen its rules already. */
async function lookAtKnown(action: Action, context: ApplyContext): Promise<Checked> {
  const stored = storedOf(action, context);
  if (stored.ignored.length > 0 && context.setsIgnored !== true) {
    const live = await context.cluster.get(action.key, { signal: context.signal });
    if (live !== null) return lookAtPart(action, live, context);
  }
  try {
    return { action, live: await send(bodyOf(stored), context, true) };
  } catch (thrown) {
    // The refusal is what is to be told, whatever else goes wrong.
    const live = await context.cluster.get(action.key, { signal: context.signal }).catch(() => null);
    if (!mayRecreate(action, live, asPlumbError(thrown), context)) throw thrown;
    return { action, live };
  }
}

/**
 * An object with ignored fields, as it is there. Those of them that are still ours are given up before the apply; a dry run before that has
 * them as they are, so that it does not see them go.
 */
async function lookAtPart(action: Action, live: KubeObject, context: ApplyContext): Promise<Checked> {
  const stored = storedOf(action, context);
  try {
    await send(declaredFor(bodyOf(stored), live, stored.ignored, 'trial'), context, true);
  } catch (thrown) {
    if (!mayRecreate(action, live, asPlumbError(thrown), context)) throw thrown;
  }
  return { action, live };
}

/** Not in view is not the same as not there: without our labels it may still be somebody's. */
async function lookAtNew(action: Action, context: ApplyContext): Promise<Looked> {
  const get = (): Promise<KubeObject | null> => context.cluster.get(action.key, { signal: context.signal });
  const stored = storedOf(action, context);
  if (stored.rules.ssa === 'IfNotPresent' && (await get()) !== null) return 'left alone';
  try {
    const answer = await send(bodyOf(stored), context, true);
    // Only what is stored has a version.
    if ((answer.metadata.resourceVersion ?? '') === '')
      return isDone(action, context) ? 'done' : { action, live: null };
  } catch (thrown) {
    const live = await get().catch(() => null);
    if (live !== null && asksToBeLeft(rulesOf(live, context.fieldManager))) return 'left alone';
    // It may be what is ignored that was refused.
    if (live !== null && stored.ignored.length > 0) return lookAtPart(action, live, context);
    if (!mayRecreate(action, live, asPlumbError(thrown), context)) throw thrown;
    return { action, live };
  }
  const live = await get();
  return live === null ? { action, live } : lookAtStranger(action, live, context);
}

/** It was accepted as a whole; without what is ignored of it, it is another apply. */
async function lookAtStranger(action: Action, live: KubeObject, context: ApplyContext): Promise<Looked> {
  if (asksToBeLeft(rulesOf(live, context.fieldManager))) return 'left alone';
  return storedOf(action, context).ignored.length > 0 ? lookAtPart(action, live, context) : { action, live };
}

/** After a restart a Job that is not there has run, if the last run ended well with the same objects. It must not run twice. */
function isDone(action: Action, { unit, bundle, deliveredBefore }: ApplyContext): boolean {
  const stored = bundle.objects[action.index];
  return stored !== undefined && deliveredBefore && hasRun(stored, unit);
}
