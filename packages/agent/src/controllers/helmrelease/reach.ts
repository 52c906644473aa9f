import type { HelmRelease } from '@plumb/api';
import { userOf } from '../../delivery/acting-as.ts';
import { approach } from '../../delivery/approach.ts';
import type { Hands } from './act.ts';
import { keep } from './keep.ts';
import type { ReleaseMemory } from './memory.ts';

/** Gets to the cluster of a release, as its identity. What is known of it elsewhere is forgotten. @throws PlumbError as approach has it */
export async function reach(
  release: HelmRelease,
  { memory, hands }: { memory: ReleaseMemory; hands: Hands },
): Promise<void> {
  const { unit } = memory;
  const { place } = unit;
  unit.actAs(userOf(release, hands));
  await approach(release, { memory: unit, hands, signal: hands.signal });
  if (place === null || place === unit.place) return;
  // What is stored elsewhere says nothing of here, though its name and number be the same.
  memory.known = null;
  keep(null, { memory, hands });
}
