import type { ObjectKey, PlumbError } from '@plumb/api';
import { asPlumbError, HELM_APPLY_MANAGER, keyId, reworded } from '@plumb/api';
import { latestSnapshot } from '@plumb/core';
import type { HelmStatus, HookEvent, MadeWith } from '@plumb/core';
import { deliver } from '../delivery/deliver.ts';
import type { Delivery } from '../delivery/deliver.ts';
import type { ApplyContext, Change } from '../delivery/apply.ts';
import { prune } from '../delivery/prune.ts';
import type { StoredBundle } from '../delivery/unit.ts';
import { awaitHealth } from './await-health.ts';
import { failureOf, inTime, tidyingOf, type ActionContext } from './context.ts';
import { forgetEnded } from './in-force.ts';
import { ownedBy } from './marks.ts';
import type { ReleaseRecord } from './record.ts';
import { runHooksOf } from './run-hooks.ts';
import { snapshotOf } from './snapshots.ts';
import type { StoredRelease } from './storage.ts';

/** A release that is to be brought into force: installed, upgraded to, or rolled back to. */
export interface Deployment {
  /** As it is stored before anything else is done: pending. */
  record: ReleaseRecord;
  /** What it is made with, beside its chart and its values. */
  madeWith: MadeWith;
  bundle: StoredBundle;
  /** Brings the bundle's bodies into memory, where they are not. */
  loadBodies: () => Promise<void>;
  hooks: { before: HookEvent; after: HookEvent } | null;
  action: 'install' | 'upgrade' | 'rollback';
  /** The record before it is in force: all that is there is in it. */
  isSound: boolean;
  /** Objects of earlier versions: those that the new one does not have are deleted. */
  before: readonly ObjectKey[];
  /** Deletes the oldest records beyond those that are kept. */
  makeRoom: () => Promise<void>;
  /** Records that this one takes the place of. */
  superseded: readonly StoredRelease[];
  timeout: number;
  wait: boolean;
  waitForJobs: boolean;
  /** Delete and make anew what cannot be changed. */
  force: boolean;
  cleanupOnFail: boolean;
  /** What the record says when it is in force. */
  done: string;
}

/** How bringing a release into force ended. */
export interface Deployed {
  /** Every record that was written, as it is now; the newest first. */
  records: StoredRelease[];
  changes: readonly Change[];
  /** What the release owns now. */
  inventory: readonly ObjectKey[];
  error: PlumbError | null;
}

/**
 * Stores the release as pending, runs hooks, applies, waits, and stores how it ended. Whatever fails after it was stored leaves a record that says so.
 * Never throws for what happens after that.
 */
export async function deploy(deployment: Deployment, context: ActionContext): Promise<Deployed> {
  const { record, superseded } = deployment;
  await announce(deployment, context);
  let stored = await context.store.create(record, deployment.madeWith);
  const save = async (): Promise<void> => {
    stored = await context.store.update(stored, record);
  };
  const seen: { delivery: Delivery | null } = { delivery: null };
  try {
    const { hooks, timeout } = deployment;
    await deployment.makeRoom();
    if (hooks !== null) await runNamed(hooks.before, { record, timeout, save }, context);
    seen.delivery = await bringIn(deployment, context);
    if (seen.delivery.error !== null) throw seen.delivery.error;
    await awaitObjects(deployment, seen.delivery, context);
    if (hooks !== null) await runNamed(hooks.after, { record, timeout, save }, context);
    const replaced: StoredRelease[] = [];
    for (const old of superseded) replaced.push(await context.store.update(old, withStatus(old.record, 'superseded')));
    Object.assign(record.info, { status: 'deployed', description: deployment.done });
    // Before anybody can see that it is in force: it would be taken for somebody else's.
    await context.vouch(record);
    await save();
    return { records: [stored, ...replaced], ...told(seen.delivery, deployment), error: null };
  } catch (thrown) {
    const error = failureOf(thrown, context);
    const facts = told(seen.delivery, deployment);
    const signal = deployment.cleanupOnFail ? tidyingOf(context) : null;
    const tidied = signal === null ? null : cleanUp(facts, deployment, { ...context, signal });
    // What is left is in the record: the next action goes on with it.
    const inventory = (await tidied?.catch(() => null)) ?? facts.inventory;
    const description = descriptionOf(record, error);
    Object.assign(record.info, { status: 'failed', description });
    // Where that cannot be stored, the next run finds a lock that nobody holds.
    await save().catch(() => undefined);
    return { records: [{ ...stored, record }], ...facts, inventory, error };
  }
}

/** Where the release is, and what it owns, is known before anything is made that only a record would tell of. */
async function announce({ record, action, before, isSound }: Deployment, context: ActionContext): Promise<void> {
  const isKnown = latestSnapshot(context.release.status?.history) !== undefined;
  if (isKnown && isSound) return;
  const snapshot = isKnown ? null : await snapshotOf(record, { action }, context);
  await context.announce(snapshot, before);
}

/** How Helm begins to tell of hooks that failed. */
const HOOKS_FAILED: Readonly<Partial<Record<HookEvent, string>>> = {
  'pre-install': 'failed pre-install',
  'post-install': 'failed post-install',
  'pre-upgrade': 'pre-upgrade hooks failed',
  'post-upgrade': 'post-upgrade hooks failed',
};

async function runNamed(...[event, run, context]: Parameters<typeof runHooksOf>): Promise<void> {
  try {
    await runHooksOf(event, run, context);
  } catch (thrown) {
    const error = asPlumbError(thrown);
    const what = HOOKS_FAILED[event];
    throw what === undefined || error.code === 'cancelled' ? error : reworded(error, `${what}: ${error.message}`);
  }
}

function told(delivery: Delivery | null, { before }: Deployment): Pick<Deployed, 'changes' | 'inventory'> {
  return { changes: delivery?.changes ?? [], inventory: delivery?.inventory ?? before };
}

export function withStatus(record: ReleaseRecord, status: HelmStatus): ReleaseRecord {
  return { ...record, info: { ...record.info, status } };
}

/** What a record of this status was to become, in Helm's words. */
const BEGUN: Readonly<Record<string, string>> = { 'pending-upgrade': 'Upgrade', 'pending-rollback': 'Rollback' };

/** In Helm's words. A description is no place for a whole manifest. */
function descriptionOf({ name, info }: ReleaseRecord, { message }: PlumbError): string {
  const what = BEGUN[info.status ?? ''] ?? 'Release';
  return `${what} "${name}" failed: ${message.slice(0, 4_096)}`;
}

async function bringIn(deployment: Deployment, context: ActionContext): Promise<Delivery> {
  const { bundle, before, loadBodies } = deployment;
  if (bundle.objects.length === 0) return removeAll(deployment, context);
  forgetEnded(context.unit);
  const request = {
    cause: 'routine',
    inventory: before,
    prune: true,
    customStageKinds: [],
    gates: [],
    loadBodies,
    owns: ownedBy(deployment.record),
    // The record that is stored already lists what may come to be.
    saveInventory: () => Promise.resolve(),
  } as const;
  const step = { what: 'applying the objects', timeout: deployment.timeout };
  return inTime(step, context, (signal) => deliver(request, applyContextOf(deployment, { ...context, signal })));
}

export function applyContextOf(
  { bundle, force, timeout }: Pick<Deployment, 'bundle' | 'force' | 'timeout'>,
  context: ActionContext,
): ApplyContext {
  const { cluster, live, clock, unit, parallel, stageTimeout, signal, onAnswer } = context;
  return {
    cluster,
    live,
    clock,
    unit,
    bundle,
    fieldManager: HELM_APPLY_MANAGER,
    overriddenManagers: isTakenOver(bundle, unit) ? [] : FORMER_MANAGERS,
    force,
    deliveredBefore: false,
    inForce: false,
    drift: 'correct',
    setsIgnored: true,
    hidesValues: context.hidesValues,
    parallel,
    stageTimeout: Math.min(stageTimeout, timeout),
    signal,
    onAnswer,
  };
}

/** Field managers of Helm itself, whose fields are taken over. */
const FORMER_MANAGERS = ['helm'];

/** Whether all objects were applied by us before: then nothing of Helm's is left. */
function isTakenOver({ objects }: StoredBundle, { applied }: ActionContext['unit']): boolean {
  return objects.every(({ key }) => applied.has(keyId(key)));
}

/** A chart may well come to render nothing: then all it had goes, as with Helm. */
async function removeAll({ before, record, timeout }: Deployment, context: ActionContext): Promise<Delivery> {
  const { cluster, unit, parallel, hidesValues } = context;
  const pruning = { cluster, unit: unit.ref, owns: ownedBy(record), hidesValues, parallel };
  for (const key of before) unit.disown(keyId(key));
  return inTime({ what: 'deleting the objects', timeout }, context, async (signal) => {
    const { changes, kept, failures } = await prune(before, { ...pruning, signal });
    const error = failures.length === 0 ? null : asPlumbError(new Error(failures.join('\n')));
    return { changes, drift: [], found: [], inventory: kept, error };
  });
}

async function awaitObjects(deployment: Deployment, { changes }: Delivery, context: ActionContext): Promise<void> {
  const { wait, waitForJobs, timeout, bundle } = deployment;
  if (!wait) return;
  const skipped = new Set(changes.filter(({ action }) => action === 'skipped').map(({ key }) => keyId(key)));
  const keys = bundle.objects.map(({ key }) => key).filter((key) => !skipped.has(keyId(key)));
  await awaitHealth({ keys, timeout, jobs: waitForJobs, hidesValues: context.hidesValues }, context);
}

/** Deletes what this try made. @returns what the release still owns */
async function cleanUp(
  { changes, inventory }: Pick<Deployed, 'changes' | 'inventory'>,
  { before, record }: Deployment,
  context: ActionContext,
): Promise<readonly ObjectKey[]> {
  const known = new Set(before.map(keyId));
  const made = changes
    .filter(({ key, action }) => action === 'created' && !known.has(keyId(key)))
    .map(({ key }) => key);
  const { cluster, unit, parallel, signal, hidesValues } = context;
  const pruning = { cluster, unit: unit.ref, owns: ownedBy(record), hidesValues, parallel, signal };
  for (const key of made) unit.disown(keyId(key));
  const { kept } = await prune(made, pruning);
  const gone = new Set(made.map(keyId));
  for (const key of kept) gone.delete(keyId(key));
  return inventory.filter((key) => !gone.has(keyId(key)));
}
