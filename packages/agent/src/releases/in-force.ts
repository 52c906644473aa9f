import type { HelmRelease, ReleaseSnapshot } from '@plumb/api';
import { DRIFT_ANNOTATION, HELM_APPLY_MANAGER, keyId } from '@plumb/api';
import { hashOf, isSameUnit, unitDriftMode } from '@plumb/core';
import type { Bundle } from '@plumb/render';
import type { LiveObjects } from '../delivery/live.ts';
import { storeBundle, type StoredBundle, type UnitMemory } from '../delivery/unit.ts';
import type { ActionContext } from './context.ts';
import type { ReleaseRecord } from './record.ts';
import { bundleOf } from './render.ts';
import { timeOf } from './snapshots.ts';
import type { StoredRelease } from './storage.ts';

// What the release in force holds its objects to: its manifest, and what the HelmRelease says of drift.

type Spec = Pick<HelmRelease, 'spec'>;

/** A bundle at rest, stamped with the release it is of, and with what of the spec it was made with. */
export function stored(bundle: Bundle, record: ReleaseRecord, release: Spec): StoredBundle {
  const { name, version, info } = record;
  const revision = revisionOf({ name, version, lastDeployed: timeOf(info.last_deployed) });
  const stamp = { specDigest: digestOf(release), configs: '', revision, artifactDigest: '' };
  return storeBundle(bundle, stamp, HELM_APPLY_MANAGER);
}

/** A release that was removed and made anew has its numbers again. */
function revisionOf({
  name,
  version,
  lastDeployed,
}: Pick<ReleaseSnapshot, 'name' | 'version' | 'lastDeployed'>): string {
  return `${name}.v${version} ${lastDeployed}`;
}

function digestOf({ spec }: Spec): string {
  return hashOf(spec.driftDetection?.ignore ?? []);
}

/** What a stored release holds its objects to. */
export async function bundleIn(
  { record }: StoredRelease,
  context: Pick<ActionContext, 'release' | 'cluster'>,
): Promise<StoredBundle> {
  const { release } = context;
  return stored(await bundleOf(record, context), record, release);
}

/** Whether this is what the release in force holds its objects to now. */
export function isCurrent(bundle: StoredBundle, snapshot: ReleaseSnapshot, release: Spec): boolean {
  return bundle.revision === revisionOf(snapshot) && bundle.specDigest === digestOf(release);
}

/**
 * Whether anybody has to know what objects are held to: also where nobody looks at drift, for an object may say otherwise, and for a status that does not
 * say yet what the release owns.
 */
export function isWatchedOver(release: HelmRelease, { record: { manifest = '' } }: StoredRelease): boolean {
  const isListed = release.status?.inventory !== undefined;
  return (
    !isListed || unitDriftMode({ ...release, kind: 'HelmRelease' }) !== 'ignore' || manifest.includes(DRIFT_ANNOTATION)
  );
}

/** Of objects that are held to something else by this bundle nobody knows any more how they were applied. */
export function forgetOthers(unit: UnitMemory, { objects }: StoredBundle): void {
  const declared = new Map(objects.map(({ key, digest }) => [keyId(key), digest]));
  for (const [id, { desiredDigest }] of unit.applied) {
    if (declared.get(id) !== desiredDigest) unit.disown(id);
  }
}

/** A Job that ended and was removed is made again with the release, as by Helm, to which it is not there: nothing is known of it any more. */
export function forgetEnded({ applied }: UnitMemory): void {
  for (const [id, { ended }] of applied) if (ended !== undefined) applied.delete(id);
}

/** What helm made, and nothing was applied to since, has no labels of ours and is in no watch: whether it drifted has to be looked at in each run. */
export function doubtUnwatched(unit: UnitMemory, live: LiveObjects): void {
  for (const { key } of unit.bundle?.objects ?? []) {
    const id = keyId(key);
    const [applied, left] = [unit.applied.get(id), unit.tolerated.get(id)];
    const isNews = unit.drifted.has(id) || (applied === undefined && left === undefined);
    const isOver = applied?.ended !== undefined || left?.note?.how === 'removed';
    if (isNews || isOver || isSameUnit(live.get(id)?.owner ?? null, unit.ref)) continue;
    unit.applied.delete(id);
    unit.drifted.set(id, 'unread');
  }
}
