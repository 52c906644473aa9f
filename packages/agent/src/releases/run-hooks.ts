import type { KubeObject, ObjectKey } from '@plumb/api';
import {
  asPlumbError,
  displayKey,
  formatDuration,
  HELM_APPLY_MANAGER,
  keyId,
  keyOf,
  PlumbError,
  reworded,
  systemError,
} from '@plumb/api';
import { deletesHook, hooksFor, isMadeAsHook, isPending, isSameUnit, ownerOf } from '@plumb/core';
import type { HookEvent } from '@plumb/core';
import { hookObjects } from '@plumb/render';
import { sleep } from '../runtime/clock.ts';
import { toldOf } from '../delivery/hide-secrets.ts';
import { lastingOf, namespacedIn, type ActionContext } from './context.ts';
import type { LiveChange } from '../delivery/live.ts';
import { readHook, seenByGates } from './hook-fates.ts';
import { hookProgress, progressOfGone } from './hook-progress.ts';
import { logsOf } from './logs.ts';
import type { HookRecord, ReleaseRecord } from './record.ts';

/** Milliseconds the watch has to tell of the end of what is gone. */
const LAST_WORD_WITHIN = 10_000;

export interface HookRun {
  record: ReleaseRecord;
  hooks: readonly HookRecord[];
  /** Milliseconds for each. */
  timeout: number;
  /** Writes what is known of the hooks by now. */
  save: () => Promise<void>;
  /** The record was stored with these hooks before: an earlier run of them, whether this record tells of it or not, may have made what is there. */
  isStored?: boolean;
}

/** The hooks of an event, in Helm's order. @throws PlumbError that names the hook that failed, and why */
export async function runHooksOf(event: HookEvent, run: Omit<HookRun, 'hooks'>, context: ActionContext): Promise<void> {
  await runHooks({ ...run, hooks: hooksFor(run.record.hooks ?? [], event) }, context);
}

/**
 * Runs hooks one after the other, as Helm does (helm pkg/action/hooks.go): the objects of before go first where the hook says so, then its own are made
 * and waited for. Those that succeeded are deleted when all have, or one failed.
 */
export async function runHooks(run: HookRun, context: ActionContext): Promise<void> {
  const done: HookRecord[] = [];
  try {
    for (const hook of run.hooks) {
      await runOne(hook, run, context);
      done.unshift(hook);
    }
  } catch (thrown) {
    await deleteSucceeded(done, run, lastingOf(context)).catch(() => undefined);
    throw asPlumbError(thrown);
  } finally {
    context.live.keepOnly(context.unit.uid, new Set());
  }
  await deleteSucceeded(done, run, context);
}

async function deleteSucceeded(hooks: readonly HookRecord[], run: HookRun, context: ActionContext): Promise<void> {
  for (const hook of hooks.filter((one) => deletesHook(one, 'hook-succeeded'))) {
    for (const key of await namedBy(hook, run, context)) await removeMade(key, run, context);
  }
}

async function runOne(hook: HookRecord, run: HookRun, context: ActionContext): Promise<void> {
  const { clock } = context;
  const timeOf = (): string => new Date(clock.time()).toISOString();
  // Helm records what holds for one that says nothing, once it has run.
  if ((hook.delete_policies ?? []).length === 0) hook.delete_policies = ['before-hook-creation'];
  const started_at = timeOf();
  if (deletesHook(hook, 'before-hook-creation'))
    await makeWay(hook, run, context).catch((thrown: unknown) => {
      // Else a test that cannot even begin would count as one that did not fail.
      hook.last_run = { started_at, completed_at: timeOf(), phase: 'Failed' };
      throw asPlumbError(thrown);
    });
  hook.last_run = { started_at: timeOf(), phase: 'Running' };
  await run.save();
  try {
    for (const object of await objectsOf(hook, run, context)) await make(object, run, context);
    hook.last_run = { ...hook.last_run, completed_at: timeOf(), phase: 'Succeeded' };
  } catch (thrown) {
    hook.last_run = { ...hook.last_run, completed_at: timeOf(), phase: 'Failed' };
    await endOne(hook, run, lastingOf(context)).catch(() => undefined);
    throw asPlumbError(thrown);
  }
}

/**
 * Ends what a killed process left of hooks: each counts as succeeded or failed by how far its objects came, and what its policy says is done to them. Of a
 * record whose action was under way that is every hook that ran, since nobody knows whether its objects were deleted; of another one those that still ran.
 */
export async function endHooks(run: Omit<HookRun, 'hooks' | 'save'>, context: ActionContext): Promise<void> {
  const { hooks = [], info } = run.record;
  const ran = hooks.filter(
    ({ last_run: { phase } }) => phase === 'Running' || (phase !== '' && isPending(info.status ?? '')),
  );
  for (const hook of ran) await endOne(hook, run, context);
}

/** Deletes the objects of a hook that has ended where its policy says so, and they are its own: somebody else's may have kept it from running. */
async function endOne(hook: HookRecord, run: Omit<HookRun, 'hooks' | 'save'>, context: ActionContext): Promise<void> {
  const { cluster, clock, signal } = context;
  const objects: KubeObject[] = [];
  for (const { metadata, ...body } of await objectsOf(hook, run, context)) {
    const key = keyOf({ ...body, metadata });
    const there =
      metadata.name === '' || (await cluster.resource(key)) === null ? null : await cluster.get(key, { signal });
    if (there !== null && isMadeFor(hook, there, context)) objects.push(there);
  }
  if (hook.last_run.phase === 'Running') {
    const isWell = objects.length > 0 && objects.every((object) => hookProgress(object).state === 'succeeded');
    const completed = new Date(clock.time()).toISOString();
    hook.last_run = { ...hook.last_run, completed_at: completed, phase: isWell ? 'Succeeded' : 'Failed' };
  }
  if (!deletesHook(hook, hook.last_run.phase === 'Succeeded' ? 'hook-succeeded' : 'hook-failed')) return;
  for (const object of objects) await remove(keyOf(object), run.timeout, context, object.metadata.uid);
}

/** Whether an object of a hook's name was made when it ran last: the hook may have been cut short before it made any. */
function isMadeFor({ last_run }: HookRecord, object: KubeObject, { unit }: ActionContext): boolean {
  const { metadata } = object;
  if (!isMadeAsHook(object, unit.ref, true)) return false;
  if (ownerOf(object, HELM_APPLY_MANAGER) !== null) return true;
  const { managedFields = [], creationTimestamp = '' } = metadata;
  const isOurs = managedFields.some(({ manager }) => manager === HELM_APPLY_MANAGER);
  // Of a creation the server tells the second.
  return isOurs && Date.parse(creationTimestamp) + 1_000 > Date.parse(last_run.started_at ?? '');
}

async function objectsOf(
  hook: HookRecord,
  { record }: Pick<HookRun, 'record'>,
  { cluster }: ActionContext,
): Promise<KubeObject[]> {
  const { name = '', kind = '', path = '', manifest = '', events = [], weight = 0 } = hook;
  const { delete_policies: deletePolicies = [], output_log_policies: outputLogPolicies = [] } = hook;
  const spec = {
    release: { name: record.name, namespace: record.namespace, revision: record.version, isUpgrade: false },
  };
  const text = { name, kind, path, manifest, events, weight, deletePolicies, outputLogPolicies };
  return hookObjects(text, spec, { isNamespaced: namespacedIn(cluster) });
}

async function make(object: KubeObject, run: HookRun, context: ActionContext): Promise<void> {
  const { live, unit } = context;
  const made = await create(object, run, context);
  unit.remaking.set(keyId(keyOf(made)), made.metadata.uid ?? '');
  if (hookProgress(made).state !== 'running') return;
  const last: LastSeen = { object: made, isEnd: false };
  const unfollow = live.follow((change) => see(change, last));
  try {
    await live.watchObject(keyOf(made), unit.uid);
    await awaitHook(last, run, context);
  } finally {
    unfollow();
  }
}

/** The last state of an object of a hook that was seen. `isEnd`: it was deleted in that state. */
interface LastSeen {
  object: KubeObject;
  isEnd: boolean;
}

function see({ object, after }: LiveChange, last: LastSeen): void {
  if (last.isEnd || object.metadata.uid !== last.object.metadata.uid) return;
  // Of what is missing in a list nobody knows in which state it went.
  if (object['spec'] === undefined) return;
  Object.assign(last, { object, isEnd: after === undefined });
}

/** One of its name that an unfinished run of ours left does not keep a hook from running. */
async function create(object: KubeObject, { timeout }: HookRun, context: ActionContext): Promise<KubeObject> {
  const { cluster, unit, signal } = context;
  const options = { fieldManager: HELM_APPLY_MANAGER, signal };
  try {
    return await cluster.create(object, options);
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled') throw error;
    const key = keyOf(object);
    const why = toldOf(error, key, context.hidesValues);
    if (error.code !== 'api-conflict') throw failure(key, why);
    const there = await cluster.get(key, { signal });
    if (there !== null && !isSameUnit(ownerOf(there, HELM_APPLY_MANAGER), unit.ref)) throw failure(key, why);
    if (there !== null) await removeSeen(there, false, { timeout }, context);
    return cluster.create(object, options);
  }
}

async function awaitHook(last: LastSeen, { timeout }: HookRun, context: ActionContext): Promise<void> {
  const { cluster, live, clock, job, signal } = context;
  const key = keyOf(last.object);
  const id = keyId(key);
  const end = clock.now() + timeout;
  for (;;) {
    const seen = live.get(id)?.resourceVersion;
    const there = await cluster.get(key, { signal });
    // The watch may be a moment behind: what it tells last says how it ended.
    if (there === null) await job.wait(live.until(() => live.get(id) === undefined, LAST_WORD_WITHIN, signal));
    if (signal.aborted) throw cutShort(signal);
    const object = there ?? last.object;
    const progress = there === null ? progressOfGone(last.object, last.isEnd) : hookProgress(there);
    if (progress.state === 'succeeded') return;
    if (progress.state === 'failed') throw failure(key, await withLogs(progress.why, object, context));
    const left = end - clock.now();
    if (left <= 0)
      throw failure(key, await withLogs(`it did not end within ${formatDuration(timeout)}`, object, context));
    await job.wait(live.until(() => live.get(id)?.resourceVersion !== seen, left, signal));
    if (signal.aborted) throw cutShort(signal);
  }
}

function cutShort({ reason }: AbortSignal): PlumbError {
  return systemError('cancelled', 'the wait for a hook was cut short', reason);
}

async function withLogs(why: string, object: KubeObject, context: ActionContext): Promise<string> {
  return `${why === '' ? 'it failed' : why}; ${await logsOf(object, context)}`;
}

function failure(key: ObjectKey, why: string): PlumbError {
  return new PlumbError('apply-failed', `hook ${displayKey(key)} failed: ${why}`, { fault: 'user', policy: 'retry' });
}

/** What a hook makes, without what the API server is to name. */
async function namedBy(...[hook, run, context]: Parameters<typeof objectsOf>): Promise<ObjectKey[]> {
  const objects = await objectsOf(hook, run, context);
  return objects.filter(({ metadata }) => metadata.name !== '').map(keyOf);
}

/** Deletes what is there under the names of a hook's objects. */
async function makeWay(hook: HookRecord, run: HookRun, context: ActionContext): Promise<void> {
  const isSeen = await seenByGates(context);
  const isRecorded = run.isStored === true || hook.last_run.phase !== '';
  for (const key of await namedBy(hook, run, context)) {
    if (!isSeen(key)) await remove(key, run.timeout, context);
    const there = isSeen(key) ? await readHook(key, context) : null;
    if (there !== null) await removeSeen(there, isRecorded, run, context);
  }
}

/**
 * Deletes an object as it was read. What gates are to see goes only where they have, or where a hook of the release made it.
 * @param isRecorded a hook of its name ran before, or may have
 */
async function removeSeen(
  there: KubeObject,
  isRecorded: boolean,
  { timeout }: Pick<HookRun, 'timeout'>,
  context: ActionContext,
): Promise<void> {
  const { unit } = context;
  const key = keyOf(there);
  const { uid = '' } = there.metadata;
  const isKnown = unit.remaking.get(keyId(key)) === uid || isMadeAsHook(there, unit.ref, isRecorded);
  if (!isKnown && (await seenByGates(context))(key))
    throw failure(key, 'one is there that no hook of the release made, and whose deletion no gate has seen');
  await remove(key, timeout, context, uid);
}

/** Deletes what a hook has just made, if it is still there. */
async function removeMade(key: ObjectKey, { timeout }: HookRun, context: ActionContext): Promise<void> {
  await remove(key, timeout, context, context.unit.remaking.get(keyId(key)));
}

/**
 * Deletes an object and waits until it is gone.
 * @param timeout milliseconds
 * @param uid of the object that is meant: another one stays
 */
async function remove(key: ObjectKey, timeout: number, context: ActionContext, uid?: string): Promise<void> {
  const { cluster, job, signal } = context;
  if ((await cluster.resource(key)) === null) return;
  if (!(await deleted(key, context, uid))) return;
  if ((await cluster.get(key, { signal })) !== null) await job.wait(untilGone(key, timeout, context));
}

async function deleted(key: ObjectKey, { cluster, signal }: ActionContext, uid?: string): Promise<boolean> {
  const preconditions = uid === undefined || uid === '' ? {} : { preconditions: { uid } };
  try {
    return await cluster.delete(key, { ...preconditions, propagationPolicy: 'Background', signal });
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled') throw error;
    if (error.code === 'api-conflict' && uid !== undefined) return false;
    throw reworded(error, `hook ${displayKey(key)} cannot be deleted: ${error.message}`);
  }
}

async function untilGone(key: ObjectKey, timeout: number, { cluster, clock, signal }: ActionContext): Promise<void> {
  const end = clock.now() + timeout;
  for (let wait = 20; (await cluster.get(key, { signal })) !== null; wait = Math.min(wait * 2, 1_000)) {
    if (clock.now() >= end) throw failure(key, `it was deleted and is still there after ${formatDuration(timeout)}`);
    await sleep(clock, wait);
  }
}
