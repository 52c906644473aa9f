import { HELM_APPLY_MANAGER, keyId, systemError, type ObjectKey } from '@plumb/api';
import {
  explainDrift,
  isSameUnit,
  matchesLive,
  ownerOf,
  releaseTimeoutOf,
  unionOfKeys,
  unitDriftMode,
  upgradeOptionsOf,
  type DriftMode,
} from '@plumb/core';
import type { ApplyContext } from '../delivery/apply.ts';
import { deliver } from '../delivery/deliver.ts';
import { driftActionAt, dueDrift, isIgnored } from '../delivery/drift.ts';
import { hasRun } from '../delivery/ended-jobs.ts';
import { reader } from '../delivery/read-live.ts';
import { confirmRecalled } from '../delivery/records.ts';
import { record } from '../delivery/send.ts';
import { toldDrift } from '../delivery/tolerate.ts';
import { declaredOf, refill, type StoredBundle, type StoredObject, type UnitMemory } from '../delivery/unit.ts';
import { settleAll } from '../runtime/parallel.ts';
import { failureOf, inTime, type ActionContext } from './context.ts';
import { applyContextOf } from './deploy.ts';
import { correctionGate } from './gate.ts';
import { bundleIn } from './in-force.ts';
import type { StoredRelease } from './storage.ts';
import { NOTHING_DONE, type Ended } from './task.ts';

/** Puts drifted objects of the release in force right, or tells of them where they are to be left. */
export async function correct(load: () => Promise<StoredRelease>, context: ActionContext): Promise<Ended> {
  const { unit, release, live, clock } = context;
  const { force } = upgradeOptionsOf(release.spec);
  const timeout = releaseTimeoutOf(release.spec);
  const mode = unitDriftMode(release);
  const bundle = unit.bundle ?? (await bundleIn(await load(), context));
  unit.bundle = bundle;
  const inventory = bundle.objects.map(({ key }) => key);
  await live.watchKinds(inventory);
  confirmRecalled(unit, bundle, live);
  const only = driftToLookAt(unit, mode, clock.now());
  const applyIn = (signal: AbortSignal): ApplyContext => ({
    ...applyContextOf({ bundle, force, timeout }, { ...context, signal }),
    drift: mode,
    inForce: true,
    setsIgnored: false,
  });
  const unknown = bundle.objects.filter(
    (object) => isUnknown(object, unit) && (object.rules.drift ?? mode) === 'correct',
  );
  const bodies = (): Promise<void> => loadBodies(bundle, load, context);
  const { gate, ended } = correctionGate(bundle, bodies, context);
  const request = {
    cause: 'drift',
    only,
    inventory,
    prune: false,
    customStageKinds: [],
    gates: [gate],
    loadBodies: bodies,
    saveInventory: () => Promise.resolve(),
  } as const;
  const step = { what: 'putting the objects right', timeout };
  const done = await inTime(step, context, async (signal) => {
    if (unknown.length > 0) {
      await loadBodies(bundle, load, context);
      await findDrift(unknown, applyIn(signal));
    }
    return deliver(request, applyIn(signal));
  });
  const { changes, drift, found } = done;
  const error = done.error !== null && context.signal.aborted ? failureOf(done.error, context) : done.error;
  await ended(error);
  return { ...NOTHING_DONE, error, changes, drift, found };
}

/**
 * The objects whose drift is to be put right or told now: those that somebody changed, and those of which nobody knows how they were applied, after a
 * restart or because others did.
 */
export function driftToLookAt(unit: UnitMemory, mode: DriftMode, now: number): Set<string> {
  const due = [...dueDrift(unit, now, mode)].filter((id) => !isIgnored(unit, id, mode));
  const unknown = (unit.bundle?.objects ?? []).filter(
    (object) => isUnknown(object, unit) && (object.rules.drift ?? mode) !== 'ignore',
  );
  return new Set([...due, ...unknown.map(({ key }) => keyId(key))]);
}

/** Drift that stands: it is left, or its correction waits, being fought over or having failed. */
export function leftDrift(unit: UnitMemory, mode: DriftMode, now: number): ObjectKey[] {
  const isWaiting = (id: string): boolean =>
    unit.drifted.has(id) &&
    !isIgnored(unit, id, mode) &&
    Math.max(driftActionAt(unit, id, now, mode), unit.driftFailed.retryAt) > now;
  const keys = (unit.bundle?.objects ?? []).map(({ key }) => key);
  return unionOfKeys(
    toldDrift(unit),
    keys.filter((key) => isWaiting(keyId(key))),
  );
}

/** Drift as a run leaves it that brought in nothing newer: of what could not be put right none is forgotten. Undefined while objects are to be compared first. */
export function standingDrift(unit: UnitMemory, mode: DriftMode, now: number): ObjectKey[] | undefined {
  const keys = (unit.bundle?.objects ?? []).map(({ key }) => key);
  const stands = (id: string): boolean => unit.drifted.has(id) && !isIgnored(unit, id, mode);
  const standing = unionOfKeys(
    toldDrift(unit),
    keys.filter((key) => stands(keyId(key))),
  );
  return standing.length > 0 || driftToLookAt(unit, mode, now).size === 0 ? standing : undefined;
}

function isUnknown({ key }: StoredObject, { applied, drifted, tolerated }: UnitMemory): boolean {
  const id = keyId(key);
  return !applied.has(id) && !tolerated.has(id) && !drifted.has(id);
}

/**
 * Reads objects of which nobody knows how they were applied. One that is as declared is known from then on; one that is not has drifted, and is kept as
 * evidence of that. What only was never ours, such as what helm made, has not.
 */
async function findDrift(objects: readonly StoredObject[], context: ApplyContext): Promise<void> {
  const { unit, parallel, cluster } = context;
  const read = reader(
    objects.map(({ key }) => key),
    context,
  );
  const answers = await settleAll(objects, parallel, async (stored) => {
    const id = keyId(stored.key);
    const live = (await cluster.resource(stored.key)) === null ? null : await read(stored.key);
    if (live === null) {
      if (!hasRun(stored, unit)) unit.drifted.set(id, 'gone');
      return;
    }
    const declared = declaredOf(stored, live);
    if (matchesLive(declared, live, HELM_APPLY_MANAGER) === 'equal') return record(stored, live, context);
    const isOurs = isSameUnit(ownerOf(live, HELM_APPLY_MANAGER), unit.ref);
    if (isOurs && explainDrift(declared, live, HELM_APPLY_MANAGER).paths.length > 0) unit.drifted.set(id, live);
  });
  for (const answer of answers) if (!answer.ok) throw answer.error;
}

/** The objects of a release are in its record. @throws PlumbError `internal` when they are others by now */
async function loadBodies(
  bundle: StoredBundle,
  load: () => Promise<StoredRelease>,
  context: ActionContext,
): Promise<void> {
  if (bundle.pack.bytes !== null) return;
  if (!refill(bundle, await bundleIn(await load(), context)))
    throw systemError('internal', 'the record of the release has other objects than before');
}
