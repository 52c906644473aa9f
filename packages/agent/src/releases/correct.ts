import { deliver } from '../delivery/deliver.ts';
import type { ActionContext } from './context.ts';
import { applyContextOf } from './deploy.ts';
import type { TaskEnd } from './perform.ts';
import { bundleOf, stored } from './render.ts';
import type { StoredRelease } from './storage.ts';
import { refill, type StoredBundle } from '../delivery/unit.ts';
import { systemError } from '@plumb/api';
import { unitDriftMode, upgradeOptionsOf } from '@plumb/core';

type Ended = Omit<TaskEnd, 'action' | 'took'>;

/** Puts drifted objects of the release in force right, or tells of them where they are to be left. */
export async function correct(last: StoredRelease, context: ActionContext): Promise<Ended> {
  const { unit, release, live } = context;
  const { timeout, force } = upgradeOptionsOf(release.spec);
  const bundle = unit.bundle ?? stored(await bundleOf(last.record, context), last.record);
  unit.bundle = bundle;
  await live.watchKinds(bundle.objects.map(({ key }) => key));
  const inventory = bundle.objects.map(({ key }) => key);
  const request = {
    cause: 'drift',
    inventory,
    prune: false,
    customStageKinds: [],
    gates: [],
    loadBodies: () => loadBodies(bundle, last, context),
    saveInventory: () => Promise.resolve(),
  } as const;
  const apply = {
    ...applyContextOf({ bundle, force, timeout }, context),
    drift: unitDriftMode(release),
    inForce: true,
    setsIgnored: false,
  };
  const { changes, drift, found, error } = await deliver(request, apply);
  return { error, stored: false, snapshots: [], changes, drift: [...drift, ...found], tests: 0, warnings: [] };
}

/** The objects of a release are in its record. @throws PlumbError `internal` when they are others by now */
export async function loadBodies(bundle: StoredBundle, last: StoredRelease, context: ActionContext): Promise<void> {
  if (bundle.pack.bytes !== null) return;
  const again = stored(await bundleOf(last.record, context), last.record);
  if (!refill(bundle, again)) throw systemError('internal', 'the record of the release has other objects than before');
}
