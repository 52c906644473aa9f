import type { ObjectKey } from '@plumb/api';
import { displayKey, keyId, userError } from '@plumb/api';
import type { Action, DriftMode, Plan, Stage } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import { settleAll } from '../runtime/parallel.ts';
import { placeOf, throwFailures, unserved } from './apply-failures.ts';
import type { Awaited } from './await-stage.ts';
import { awaitServed, awaitStage } from './await-stage.ts';
import { check, leaveEqualOnes } from './check.ts';
import type { LiveObjects } from './live.ts';
import type { StoredBundle, UnitMemory } from './unit.ts';
import { write } from './write.ts';

/** What happened to one object, in Flux's words. */
export interface Change {
  key: ObjectKey;
  action: 'created' | 'configured' | 'unchanged' | 'skipped' | 'deleted';
  /** It was deleted first: the fields that could not be changed, as far as the API server named them. */
  recreated?: readonly string[];
}

export interface ApplyContext {
  /** Acts as the unit's service account where one is set. */
  cluster: Cluster;
  live: LiveObjects;
  clock: Clock;
  unit: UnitMemory;
  bundle: StoredBundle;
  fieldManager: string;
  /** Beginnings of the names of field managers whose fields are taken over, beside kubectl's. */
  overriddenManagers: readonly string[];
  /** spec.force: an object whose change is refused as immutable is deleted and made anew. */
  force: boolean;
  /** The last run that is known ended well with this very bundle. */
  deliveredBefore: boolean;
  /** These very objects were applied in full, and nothing else since, as far as the status tells. */
  inForce: boolean;
  /** What holds for drift of objects that say nothing of it themselves. */
  drift: DriftMode;
  /** Ignored fields are set with each change of the declaration, and only then left to others. */
  setsIgnored?: boolean;
  /** A value of any object may come from a Secret: none is told. */
  hidesValues: boolean;
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
 * leaves its whole stage as it was (Flux: pkg/ssa). A correction of drift is not checked again: the same objects were accepted before.
 * @returns what changed, whether or not it threw: the list is filled as answers come in
 */
export async function applyPlan(plan: Plan, context: ApplyContext, changes: Change[]): Promise<void> {
  for (const [index, stage] of plan.stages.entries()) {
    await applyStage(stage, plan, context, changes);
    const later = plan.stages.slice(index + 1);
    if (later.length === 0 || !WAITED_FOR.has(stage.name)) continue;
    const fresh = await awaitStage(awaitedOf(stage, plan, context, changes), context);
    const isNeeded = later.some(({ actions }) => actions.some(needsRequest));
    if (isNeeded && fresh.length > 0) await awaitServed(fresh, plan, context);
  }
}

async function applyStage(stage: Stage, plan: Plan, context: ApplyContext, changes: Change[]): Promise<void> {
  for (const action of stage.actions) {
    if (action.kind === 'skip') changes.push({ key: action.key, action: 'skipped' });
  }
  const pending = await leaveEqualOnes(stage.actions.filter(needsRequest), context);
  if (pending.length === 0) return;
  await refuseUnserved(pending, context);
  const checked = await check(pending, plan.cause, context, changes);
  const outcomes = await settleAll(checked, context.parallel, (one) => write(one, context, changes));
  throwFailures(
    outcomes,
    checked.map(({ action }) => action),
    context,
    'apply',
  );
}

/** Stages that others may need; the rest is the last, and what a custom stage holds is the user's to say, as in Flux. */
const WAITED_FOR: ReadonlySet<Stage['name']> = new Set(['definitions', 'classes']);

/**
 * What the next stage waits for: the whole stage without what is left alone or turned out to be none of ours. A repair of drift waits for nothing
 * but what it wrote: what else is wrong does not keep it.
 */
function awaitedOf(stage: Stage, plan: Plan, context: ApplyContext, changes: readonly Change[]): Awaited[] {
  const skipped = new Set(changes.filter(({ action }) => action === 'skipped').map(({ key }) => key));
  return stage.actions.flatMap((action) => {
    const written = needsRequest(action);
    const stands =
      action.kind === 'unchanged' && plan.cause !== 'drift' && context.live.get(keyId(action.key)) !== undefined;
    return (written || stands) && !skipped.has(action.key) ? [{ action, written }] : [];
  });
}

const IDLE: ReadonlySet<Action['kind']> = new Set(['skip', 'tolerate', 'unchanged']);
const needsRequest = (action: Action): boolean => !IDLE.has(action.kind);

/** An unknown kind is named before anything is sent, with the file it is declared in. */
async function refuseUnserved(actions: readonly Action[], context: ApplyContext): Promise<void> {
  for (const action of actions) {
    const resource = await context.cluster.resource(action.key);
    const place = placeOf(action, context);
    if (resource === null) throw unserved(action.key, place);
    if (resource.namespaced && action.key.namespace === '') {
      throw userError(
        'apply-failed',
        `${displayKey(action.key)} (${place}): namespace not specified; set metadata.namespace or spec.targetNamespace`,
      );
    }
  }
}
