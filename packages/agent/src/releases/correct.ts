import { deliver } from '../delivery/deliver.ts';
import type { ActionContext } from './context.ts';
import { applyContextOf } from './deploy.ts';
import { NOTHING_DONE, type Ended } from './task.ts';
import { bundleOf, stored } from './render.ts';
import type { StoredRelease } from './storage.ts';
import { refill, type StoredBundle, type UnitMemory } from '../delivery/unit.ts';
import { keyId, systemError } from '@plumb/api';
import { unitDriftMode, upgradeOptionsOf, type DriftMode } from '@plumb/core';
import { dueDrift, isIgnored } from '../delivery/drift.ts';

/** Puts drifted objects of the release in force right, or tells of them where they are to be left. */
export async function correct(load: () => Promise<StoredRelease>, context: ActionContext): Promise<Ended> {
  const { unit, release, live } = context;
  const { timeout, force } = upgradeOptionsOf(release.spec);
  const bundle = unit.bundle ?? (await bundleIn(await load(), context));
  unit.bundle = bundle;
  await live.watchKinds(bundle.objects.map(({ key }) => key));
  const inventory = bundle.objects.map(({ key }) => key);
  const request = {
    cause: 'drift',
    only: driftToLookAt(unit, unitDriftMode(release), context.clock.now()),
    inventory,
    prune: false,
    customStageKinds: [],
    gates: [],
    loadBodies: () => loadBodies(bundle, load, context),
    saveInventory: () => Promise.resolve(),
  } as const;
  const apply = {
    ...applyContextOf({ bundle, force, timeout }, context),
    drift: unitDriftMode(release),
    inForce: true,
    setsIgnored: false,
  };
  const { changes, drift, found, error } = await deliver(request, apply);
  return { ...NOTHING_DONE, error, changes, drift, found };
}

/**
 * The objects whose drift is to be put right or told now: those that somebody changed, and those of which nobody knows how they were applied, after a
 * restart or because others did.
 */
export function driftToLookAt(unit: UnitMemory, mode: DriftMode, now: number): Set<string> {
  const due = [...dueDrift(unit, now, mode)].filter((id) => !isIgnored(unit, id, mode));
  const unknown = (unit.bundle?.objects ?? [])
    .filter(({ rules }) => (rules.drift ?? mode) !== 'ignore')
    .map(({ key }) => keyId(key))
    .filter((id) => !unit.applied.has(id) && !unit.tolerated.has(id));
  return new Set([...due, ...unknown]);
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

/** What a stored release holds its objects to. */
export async function bundleIn(
  { record }: StoredRelease,
  context: Pick<ActionContext, 'release' | 'cluster'>,
): Promise<StoredBundle> {
  return stored(await bundleOf(record, context), record);
}
