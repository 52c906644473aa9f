import type { HelmRelease } from '@plumb/api';
import { siteOf } from '../../delivery/approach.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import { bundleIn, forgetOthers, isCurrent, isWatchedOver } from '../../releases/in-force.ts';
import type { Hands } from './act.ts';
import type { ReleaseMemory } from './memory.ts';
import type { Sighted } from './see-release.ts';

interface Context {
  memory: ReleaseMemory;
  hands: Pick<Hands, 'packs' | 'records' | 'cluster' | 'clusters' | 'over'>;
}

/** What the objects of the release are held to from now on. */
export function keep(bundle: UnitMemory['bundle'], { memory, hands }: Context): void {
  const { unit } = memory;
  memory.isEdited = false;
  const { packs, records } = hands;
  const { bundle: before } = unit;
  if (before !== null && before.pack !== bundle?.pack) packs.drop(before.pack);
  unit.bundle = bundle;
  if (bundle === null) return;
  packs.hold(bundle.pack)();
  unit.applied.changed = false;
  records?.note(unit);
}

/**
 * What objects are held to is known by the record in force, unless that is doubted: after a restart, and when the spec says another thing of drift, or somebody made that record.
 * @returns whether it is another than before
 */
export async function keepInForce(
  release: HelmRelease,
  { known: { snapshot }, last, isDoubted }: Pick<Sighted, 'known' | 'last' | 'isDoubted'>,
  context: Context,
): Promise<boolean> {
  const { memory } = context;
  const { unit } = memory;
  if (snapshot?.status !== 'deployed' || isDoubted) return false;
  if (unit.bundle !== null && !memory.isEdited && isCurrent(unit.bundle, snapshot, release)) return false;
  const stored = await last();
  const isNeeded = stored !== null && (unit.bundle !== null || isWatchedOver(release, stored));
  if (!isNeeded) return false;
  const { cluster } = siteOf({ memory: unit, hands: context.hands });
  const bundle = await bundleIn(stored, { release, cluster });
  forgetOthers(unit, bundle);
  keep(bundle, context);
  return true;
}
