import type { KubeObject, ObjectKey } from '@plumb/api';
import { asPlumbError, keyId, PlumbError } from '@plumb/api';
import type { Plan } from '@plumb/core';
import { inventoryBefore, makePlan, nextInventory } from '@plumb/core';
import type { Action, Cause, GroupKind } from '@plumb/core';
import type { ApplyContext, Change } from './apply.ts';
import { applyPlan } from './apply.ts';
import type { DriftNote } from './drift.ts';
import { dueDrift, explain, tellApart } from './drift.ts';
import type { FoundDrift } from './tolerate.ts';
import { isToBeLookedAt, keepMode, ownAmong, tolerate } from './tolerate.ts';
import type { Gate } from './gate.ts';
import { passGates } from './gate.ts';
import { prune, thereUnseen } from './prune.ts';
import { confirmRecalled } from './records.ts';

export interface DeliveryRequest {
  cause: Cause;
  /** Ids of the objects it is about; without it, for the repair of drift those that drifted, else all. */
  only?: ReadonlySet<string>;
  /** What the unit owns so far, from its status. */
  inventory: readonly ObjectKey[];
  prune: boolean;
  /** Whether an object without the unit's labels is its own all the same; by default none is. */
  owns?: (object: KubeObject) => boolean;
  /** Kinds applied in a stage of their own before the rest. */
  customStageKinds: readonly GroupKind[];
  gates: readonly Gate[];
  /** Brings the bundle's bodies into memory, where they are not. */
  loadBodies: () => Promise<void>;
  /** Writes the inventory before an object it does not list is created (I4); resolves when the API server has it. */
  saveInventory: (inventory: readonly ObjectKey[]) => Promise<void>;
}

/** What a delivery did, as far as it came. */
export interface Delivery {
  changes: Change[];
  drift: DriftNote[];
  /** Drift that is new and left as it is. */
  found: FoundDrift[];
  /** What the unit owns now. */
  inventory: readonly ObjectKey[];
  /** Null when all of it was carried out. */
  error: PlumbError | null;
}

/** Plan, gates, apply, prune: what is common to everything that brings a bundle into a cluster. Never throws for a failed object. */
export async function deliver(request: DeliveryRequest, context: ApplyContext): Promise<Delivery> {
  const { live, unit, bundle } = context;
  const changes: Change[] = [];
  unit.driftEnded = false;
  await live.watchKinds([...bundle.objects.map((object) => object.key), ...request.inventory]);
  confirmRecalled(unit, bundle, live);
  const plan = await withOwn(planNow(request, context), request, context);
  await passGates(plan, request.gates);
  const { left, looks, works } = partsOf(plan, context);
  if (works || looks.length > 0) await request.loadBodies();
  const before = inventoryBefore(request.inventory, plan);
  if (before.length > request.inventory.length) await request.saveInventory(before);
  const drift = tellApart(explain(plan, context), unit);
  const { found, error: unread } = await tolerate(looks, context);
  keepMode(left, context);
  for (const { key } of left) if (live.get(keyId(key)) === undefined) changes.push({ key, action: 'skipped' });
  let pruned: Awaited<ReturnType<typeof prune>>;
  try {
    await applyPlan(plan, context, changes);
    for (const { key, kind } of actionsOf(plan)) if (kind === 'skip') unit.letGo(keyId(key));
    if (request.cause !== 'drift') letGoOfUndeclared(context);
    const { cluster, hidesValues, parallel, signal } = context;
    const pruning = { cluster, unit: unit.ref, owns: request.owns, hidesValues, parallel, signal };
    pruned = await prune([...plan.prune, ...(await thereUnseen(plan.unseen, pruning))], pruning);
  } catch (error) {
    const inventory = nextInventory(request.inventory, plan, { applied: false, gone: new Set() });
    return { changes, drift: [], found, inventory, error: asPlumbError(error) };
  }
  changes.push(...pruned.changes);
  const kept = new Set(pruned.kept.map(keyId));
  const gone = new Set([...plan.prune, ...plan.unseen].map(keyId).filter((id) => !kept.has(id)));
  const inventory = nextInventory(request.inventory, plan, { applied: true, gone });
  // The next run looks again; only one that is for nothing else has failed by it.
  const error = pruneError(pruned.failures) ?? (request.cause === 'drift' ? unread : null);
  return { changes, drift: drift(), found, inventory, error };
}

/** What a plan leaves alone though it drifted, what of that has to be looked at, and whether there is anything else to do. */
function partsOf(plan: Plan, context: ApplyContext): { left: Action[]; looks: Action[]; works: boolean } {
  const actions = actionsOf(plan);
  const left = actions.filter(({ kind }) => kind === 'tolerate');
  const looks = left.filter((action) => isToBeLookedAt(action, context));
  return { left, looks, works: actions.some(({ kind }) => kind !== 'skip' && kind !== 'tolerate') };
}

/** A plan that applies what it would leave as drifted and that is none: gates are to see it. */
async function withOwn(plan: Plan, { loadBodies }: DeliveryRequest, context: ApplyContext): Promise<Plan> {
  const { applied } = context.unit;
  const unknown = actionsOf(plan).filter(({ kind, key }) => kind === 'tolerate' && !applied.has(keyId(key)));
  if (unknown.length === 0) return plan;
  await loadBodies();
  const own = await ownAmong(unknown, context);
  const stages = plan.stages.map((stage) => ({
    ...stage,
    actions: stage.actions.map((action): Action => (own.has(action) ? { ...action, kind: 'change' } : action)),
  }));
  return { ...plan, stages };
}

function planNow(request: DeliveryRequest, context: ApplyContext): Plan {
  const { live, unit, bundle, clock, drift } = context;
  const only = request.only ?? (request.cause === 'drift' ? dueDrift(unit, clock.now(), drift) : undefined);
  return makePlan({
    cause: request.cause,
    desired: bundle.objects,
    observed: (key) => live.get(keyId(key)),
    applied: (key) => unit.applied.get(keyId(key)),
    inventory: request.inventory,
    unit: unit.ref,
    prune: request.prune,
    customStageKinds: request.customStageKinds,
    drift,
    unproven: unit.unproven,
    delivered: ({ key, digest }) => context.inForce || unit.recalled?.get(keyId(key))?.desiredDigest === digest,
    ...(only && { only }),
  });
}

/** What left the bundle is watched over no longer, whether it stays or is somebody else's by now: our own deletion must not look like drift. */
function letGoOfUndeclared({ unit, bundle }: ApplyContext): void {
  const declared = new Set(bundle.objects.map((object) => keyId(object.key)));
  for (const id of [...unit.applied.keys(), ...unit.drifted.keys(), ...unit.tolerated.keys()]) {
    if (!declared.has(id)) unit.disown(id);
  }
}

function pruneError(failures: readonly string[]): PlumbError | null {
  if (failures.length === 0) return null;
  return new PlumbError('prune-failed', failures.join('\n'), { fault: 'system', policy: 'retry' });
}

function actionsOf(plan: Plan): Action[] {
  return plan.stages.flatMap((stage) => stage.actions).filter((action) => action.kind !== 'unchanged');
}
