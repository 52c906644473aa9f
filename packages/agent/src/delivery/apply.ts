import type { KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import { asPlumbError, displayKey, keyId, PlumbError as Failure, userError } from '@plumb/api';
import type { Action, Observed, Plan, Stage } from '@plumb/core';
import { matchesLive } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { settleAll } from '../runtime/parallel.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/clock.ts';
import { definedKinds } from './defined-kinds.ts';
import { settleDrift } from './drift.ts';
import type { LiveObjects } from './live.ts';
import type { StoredBundle, StoredObject, UnitMemory } from './unit.ts';
import { bodyOf } from './unit.ts';

/** What happened to one object, in Flux's words. */
export interface Change {
  key: ObjectKey;
  action: 'created' | 'configured' | 'unchanged' | 'skipped' | 'deleted';
}

export interface ApplyContext {
  /** Acts as the unit's service account where one is set. */
  cluster: Cluster;
  live: LiveObjects;
  clock: Clock;
  unit: UnitMemory;
  bundle: StoredBundle;
  fieldManager: string;
  /** Requests this unit may have under way at once. */
  parallel: number;
  /** Milliseconds the next stage waits for the definitions and classes of this one. */
  stageTimeout: number;
  signal: AbortSignal;
  /** Called when an apply's answer is in: events that came meanwhile are judged now. */
  onAnswer: (id: string) => void;
}

/**
 * Carries out a plan stage by stage. In each stage every object is checked by a dry run before the first is written, so that one bad object
 * leaves its whole stage as it was (flux.md 2.4). A correction of drift is not checked again: the same objects were accepted before.
 * @returns what changed, whether or not it threw: the list is filled as answers come in
 */
export async function applyPlan(plan: Plan, context: ApplyContext, changes: Change[]): Promise<void> {
  for (const [index, stage] of plan.stages.entries()) {
    await applyStage(stage, plan, context, changes);
    if (index < plan.stages.length - 1) await awaitStage(stage, plan, context);
  }
}

async function applyStage(stage: Stage, plan: Plan, context: ApplyContext, changes: Change[]): Promise<void> {
  for (const action of stage.actions) {
    if (action.kind === 'skip') changes.push({ key: action.key, action: 'skipped' });
  }
  const pending = await leaveEqualOnes(stage.actions.filter(needsRequest), context);
  if (pending.length === 0) return;
  await refuseUnserved(pending, context);
  const checked = plan.cause === 'drift' || pending.length === 1 ? pending : await dryRun(pending, context);
  const outcomes = await settleAll(checked, context.parallel, (action) => write(action, context, changes));
  throwFailures(outcomes, checked, context, 'apply');
}

const needsRequest = (action: Action): boolean => action.kind !== 'skip' && action.kind !== 'unchanged';

/** After a restart nothing is known of our last apply: what already is as declared is left alone, by reading only. */
async function leaveEqualOnes(actions: readonly Action[], context: ApplyContext): Promise<Action[]> {
  const compare = actions.filter((action) => action.kind === 'compare');
  const answers = await settleAll(compare, context.parallel, (action) => isAsDeclared(action, context));
  const equal = new Set(compare.filter((_, index) => answers[index]?.ok === true && answers[index].value));
  return actions.filter((action) => !equal.has(action));
}

async function isAsDeclared(action: Action, context: ApplyContext): Promise<boolean> {
  const live = await context.cluster.get(action.key, { signal: context.signal });
  if (live === null) return false;
  const stored = storedOf(action, context);
  if (matchesLive(bodyOf(stored), live, context.fieldManager) !== 'equal') return false;
  record(stored, live, context);
  return true;
}

/** An unknown kind is named before anything is sent, with the file it is declared in. */
async function refuseUnserved(actions: readonly Action[], context: ApplyContext): Promise<void> {
  for (const action of actions) {
    const resource = await context.cluster.resource(action.key);
    const what = `${displayKey(action.key)} (${placeOf(action, context)})`;
    const { group, version, kind } = action.key;
    if (resource === null) {
      const served = group === '' ? version : `${group}/${version}`;
      throw userError(
        'apply-failed',
        `${what}: the cluster serves no kind ${kind} in ${served}; apply its definition first`,
      );
    }
    if (resource.namespaced && action.key.namespace === '') {
      throw userError(
        'apply-failed',
        `${what}: namespace not specified; set metadata.namespace or spec.targetNamespace`,
      );
    }
  }
}

/** @returns the actions that would change something */
async function dryRun(actions: readonly Action[], context: ApplyContext): Promise<Action[]> {
  const answers = await settleAll(actions, context.parallel, (action) => send(action, context, true));
  throwFailures(answers, actions, context, 'dry-run');
  return [...actions];
}

async function write(action: Action, context: ApplyContext, changes: Change[]): Promise<void> {
  const id = keyId(action.key);
  const stored = storedOf(action, context);
  const before = context.live.get(id);
  context.unit.inFlight.add(id);
  try {
    const live = await send(action, context, false);
    record(stored, live, context);
    changes.push({ key: action.key, action: wordFor(before, live, context) });
  } finally {
    context.unit.inFlight.delete(id);
    context.onAnswer(id);
  }
}

function send(action: Action, context: ApplyContext, dryRunOnly: boolean): Promise<KubeObject> {
  const { cluster, fieldManager, signal } = context;
  return cluster.apply(bodyOf(storedOf(action, context)), { fieldManager, force: true, dryRun: dryRunOnly, signal });
}

function record(stored: StoredObject, live: KubeObject, context: ApplyContext): void {
  const observed = context.live.note(live);
  const id = keyId(stored.key);
  settleDrift(context.unit, id, context.clock.now());
  context.unit.applied.set(id, {
    desiredDigest: stored.digest,
    ownedHash: observed.ownedHash,
    uid: observed.uid,
    resourceVersion: observed.resourceVersion,
  });
}

function wordFor(before: Observed | undefined, live: KubeObject, context: ApplyContext): Change['action'] {
  if (before?.resourceVersion === live.metadata.resourceVersion) return 'unchanged';
  const created = before === undefined ? isNew(live, context) : before.uid !== live.metadata.uid;
  return created ? 'created' : 'configured';
}

/** Nobody but us has ever written it: an object that was not in view may be there all the same, without our labels. */
function isNew(live: KubeObject, context: ApplyContext): boolean {
  const entries = live.metadata.managedFields ?? [];
  return live.metadata.generation === undefined || live.metadata.generation <= 1
    ? entries.every((entry) => entry.manager === context.fieldManager)
    : false;
}

/** The next stage may need the kinds, namespaces and roles of this one: they must be in force first. */
async function awaitStage(stage: Stage, plan: Plan, context: ApplyContext): Promise<void> {
  const written = stage.actions.filter(needsRequest);
  if (written.length === 0 || stage.name === 'rest') return;
  const ids = written.map((action) => keyId(action.key));
  const current = await context.live.until(
    () => ids.every((id) => context.live.get(id)?.health.status === 'Current'),
    context.stageTimeout,
    context.signal,
  );
  if (!current) {
    const late = written.filter((action) => context.live.get(keyId(action.key))?.health.status !== 'Current');
    const names = late.map((action) => displayKey(action.key)).join(', ');
    throw new Failure('timeout', `timeout waiting for: ${names}`, { fault: 'system', policy: 'retry' });
  }
  await awaitServed(definedKinds(written.map((action) => bodyOf(storedOf(action, context)))), plan, context);
}

/** A new kind shows up in discovery a moment after its definition is established; discovery has no watch. */
async function awaitServed(kinds: Set<string>, plan: Plan, context: ApplyContext): Promise<void> {
  if (kinds.size === 0) return;
  const { clock } = context;
  const end = clock.now() + context.stageTimeout;
  for (let wait = 50; clock.now() < end && !context.signal.aborted; wait = Math.min(wait * 2, 1_000)) {
    const served = await context.cluster.discover({ refresh: true, signal: context.signal });
    const names = new Set(served.map((info) => `${info.group}/${info.version}/${info.kind}`));
    if (kinds.isSubsetOf(names)) break;
    await sleep(clock, wait);
  }
  await context.live.watchKinds(plan.stages.flatMap((stage) => stage.actions.map((action) => action.key)));
}

function storedOf(action: Action, context: ApplyContext): StoredObject {
  const stored = context.bundle.objects[action.index];
  if (stored === undefined)
    throw new Failure('internal', 'plan and bundle disagree', { fault: 'system', policy: 'retry' });
  return stored;
}

function placeOf(action: Action, context: ApplyContext): string {
  const { path, document } = storedOf(action, context).origin;
  if (path === '') return 'generated';
  return document > 0 ? `${path}, document ${document + 1}` : path;
}

function throwFailures(
  outcomes: readonly { ok: boolean; error?: unknown }[],
  actions: readonly Action[],
  context: ApplyContext,
  step: 'apply' | 'dry-run',
): void {
  const failed = outcomes.flatMap((outcome, index) => {
    const action = actions[index];
    return outcome.ok || action === undefined ? [] : [{ action, error: asPlumbError(outcome.error) }];
  });
  const first = failed[0];
  if (first === undefined) return;
  const cancelled = failed.find(({ error }) => error.code === 'cancelled');
  if (cancelled !== undefined) throw cancelled.error;
  const lines = failed.slice(0, 10).map(({ action, error }) => {
    return `${displayKey(action.key)} ${step} failed (${reasonOf(error)}): ${error.message} (${placeOf(action, context)})`;
  });
  if (failed.length > lines.length) lines.push(`and ${failed.length - lines.length} more`);
  const { fault, retryAfter } = first.error;
  throw new Failure('apply-failed', lines.join('\n'), {
    fault,
    policy: 'retry',
    cause: first.error,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

function reasonOf(error: PlumbError): string {
  if (error.code === 'api-invalid') return 'Invalid';
  if (error.code === 'api-forbidden' || error.code === 'access-denied') return 'Forbidden';
  if (error.code === 'api-not-found') return 'NotFound';
  if (error.code === 'api-conflict') return 'Conflict';
  return error.code === 'timeout' ? 'Timeout' : 'Unavailable';
}
