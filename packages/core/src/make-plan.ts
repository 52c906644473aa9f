import { keyId } from '@plumb/api';
import type { ObjectKey, UnitRef } from '@plumb/api';
import { driftModeFor } from './drift-mode.ts';
import type { DriftMode } from './drift-mode.ts';
import { diffInventory, unionOfKeys } from './inventory.ts';
import type { Applied, Observed } from './observed.ts';
import { compareForApply, compareForPrune, stagesOf } from './order.ts';
import type { GroupKind } from './order.ts';
import { isSameUnit } from './owner.ts';
import type { Action, ActionKind, Cause, ObjectRules, Plan } from './plan.ts';
import { allowsPruning, asksToBeLeft, DEFAULT_RULES } from './rules.ts';

/** What a plan needs to know of one desired object. */
export interface DesiredEntry {
  readonly key: ObjectKey;
  readonly digest: string;
  readonly rules: ObjectRules;
}

export interface PlanInput {
  cause: Cause;
  /** The bundle's objects; actions name them by index. */
  desired: readonly DesiredEntry[];
  observed: (key: ObjectKey) => Observed | undefined;
  applied: (key: ObjectKey) => Applied | undefined;
  inventory: readonly ObjectKey[];
  unit: UnitRef;
  /** spec.prune, or that the unit is being deleted. */
  prune: boolean;
  customStageKinds?: readonly GroupKind[];
  /** What holds for drift of objects that say nothing of it themselves; by default it is corrected. */
  drift?: DriftMode;
  /** Whether this very declaration was applied before, where nothing is known of our last apply. */
  delivered?: (entry: DesiredEntry) => boolean;
  /** Another identity applied before: what is as it was left says nothing of what this one may, and is gone through again. */
  unproven?: boolean;
  /** keyIds a drift plan may touch; everything else is `unchanged`. */
  only?: ReadonlySet<string>;
}

/** What applying a bundle would do now, from what is declared, what is seen and what was sent before. Pure. */
export function makePlan(input: PlanInput): Plan {
  const { cause, desired, inventory } = input;
  if (cause !== 'drift' && input.prune && desired.length === 0 && inventory.length > 0) {
    const reason = `the build has no objects, which would delete all ${inventory.length} of the inventory; nothing is deleted`;
    const refused = unionOfKeys(inventory).map((key) => ({ key, reason }));
    return { cause, stages: [], prune: [], unseen: [], refused };
  }
  const actions: Action[] = desired.map((entry, index) => ({ kind: actionFor(input, entry), key: entry.key, index }));
  const stages = stagesOf(actions, input.customStageKinds).map(({ name, items }) => ({ name, actions: items }));
  const leaving = leavingOf(input);
  const prune = leaving.filter((key) => mayPrune(input, key));
  const unseen = leaving.filter((key) => input.observed(key) === undefined);
  return { cause, stages, prune, unseen, refused: [] };
}

function actionFor(input: PlanInput, entry: DesiredEntry): ActionKind {
  const { key, rules } = entry;
  if (input.only?.has(keyId(key)) === false) return 'unchanged';
  if (asksToBeLeft(rules)) return 'skip';
  const live = input.observed(key);
  const liveRules = live?.rules ?? DEFAULT_RULES;
  if (live !== undefined && (asksToBeLeft(liveRules) || rules.ssa === 'IfNotPresent')) {
    // That an object of another unit is there, and what it asks for, this unit's own identity has to see (I9).
    return isSameUnit(live.owner, input.unit) ? 'skip' : 'create';
  }
  const isToStay = (): boolean => isLeft(input, entry, liveRules);
  if (live !== undefined) return actionThere(input, entry, { live, isToStay });
  if (hasEnded(input.applied(key), entry)) return 'unchanged';
  return isToStay() ? 'tolerate' : 'create';
}

/** Of an object that is there and does not ask to be left alone. */
function actionThere(
  input: PlanInput,
  { key, digest }: DesiredEntry,
  { live, isToStay }: { live: Observed; isToStay: () => boolean },
): ActionKind {
  const applied = input.applied(key);
  if (applied === undefined) return isToStay() ? 'tolerate' : 'compare';
  if (applied.desiredDigest !== digest) return 'change';
  if (applied.ownedHash !== live.ownedHash) return isToStay() ? 'tolerate' : 'correct';
  return input.unproven === true ? 'compare' : 'unchanged';
}

/** Whether drift of an object is to stay. */
function isLeft(input: PlanInput, entry: DesiredEntry, liveRules: ObjectRules): boolean {
  const { drift = 'correct' } = input;
  return driftModeFor(entry.rules, liveRules, drift) !== 'correct' && wasApplied(input, entry);
}

/** Only what was in force as it is declared now can have drifted; anything else is a change that is still to come. */
function wasApplied(input: PlanInput, entry: DesiredEntry): boolean {
  const applied = input.applied(entry.key);
  return applied === undefined ? input.delivered?.(entry) === true : applied.desiredDigest === entry.digest;
}

/** A Job that ran as declared and was removed by its time to live is done. */
function hasEnded(applied: Applied | undefined, entry: DesiredEntry): boolean {
  return applied?.ended !== undefined && applied.desiredDigest === entry.digest;
}

/** What left the bundle, in the order to delete it. */
function leavingOf(input: PlanInput): ObjectKey[] {
  if (!input.prune || input.cause === 'drift') return [];
  const declared = input.desired.map((entry) => entry.key);
  return diffInventory(input.inventory, declared).sort(compareForPrune);
}

/** It is there, carries this unit's labels (I1) and does not ask to stay. */
function mayPrune(input: PlanInput, key: ObjectKey): boolean {
  const live = input.observed(key);
  if (live === undefined || !isSameUnit(live.owner, input.unit)) return false;
  return allowsPruning(live.rules ?? DEFAULT_RULES);
}

/** How carrying out a plan ended, as far as the inventory goes. */
export interface PlanResults {
  /** Every stage was applied. */
  applied: boolean;
  /** keyIds of objects that were to be pruned and are no business of the unit any more: gone, going by its word, or to stay. */
  gone: ReadonlySet<string>;
}

/** The inventory to write before applying: what it lists, and what the plan may bring into being (I4). */
export function inventoryBefore(before: readonly ObjectKey[], plan: Plan): ObjectKey[] {
  return unionOfKeys(before, actionKeys(plan));
}

/**
 * The inventory after a plan was carried out: what is declared, and what was to be pruned and could not be.
 * When apply did not get through, nothing leaves. A plan that refused, or one for drift, lets nothing go either.
 */
export function nextInventory(before: readonly ObjectKey[], plan: Plan, results: PlanResults): ObjectKey[] {
  const stays = !results.applied || plan.refused.length > 0 || plan.cause === 'drift';
  if (stays) return inventoryBefore(before, plan).filter((key) => !results.gone.has(keyId(key)));
  const failures = [...plan.prune, ...plan.unseen].filter((key) => !results.gone.has(keyId(key)));
  return unionOfKeys(failures, actionKeys(plan));
}

function actionKeys(plan: Plan): ObjectKey[] {
  return plan.stages.flatMap((stage) => stage.actions.map((action) => action.key)).sort(compareForApply);
}
