import { keyId, type HelmRelease } from '@plumb/api';
import { siteOf } from '../../delivery/approach.ts';
import type { LiveChange, LiveObjects } from '../../delivery/live.ts';
import { keysOf } from '../../releases/render.ts';
import type { Hands } from './act.ts';
import type { ReleaseMemory } from './memory.ts';
import type { Sighted } from './see-release.ts';

// What brings back a release that was given up, though nothing of what is declared changed.

/** Its cluster answers again. @returns whether a run is due now */
export function noteBack(memory: ReleaseMemory, now: number): boolean {
  memory.changed = true;
  const { failed } = memory;
  if (failed === null) return false;
  failed.retryAt = Math.min(failed.retryAt, now);
  return true;
}

/**
 * An object changed. @returns whether it was the last to turn healthy of those that the release, or a stage of it, waited for in vain. One that its own
 * expressions find unhealthy while its status is well never turns. Of one declaration that counts once: a chart that renders something else each time
 * makes new objects with each try, and those turn healthy too late again.
 */
export function noteHealth(
  { id, before, after }: Pick<LiveChange, 'id' | 'before' | 'after'>,
  memory: ReleaseMemory,
  live: Pick<LiveObjects, 'get'>,
): boolean {
  const { missed, overdue } = memory.unit;
  const awaited = missed.union(overdue);
  const isTurn = after?.health.status === 'Current' && before?.health.status !== 'Current';
  if (!isTurn || !awaited.has(id)) return false;
  if ([...awaited].some((other) => other !== id && live.get(other)?.health.status !== 'Current')) return false;
  missed.clear();
  const inputs = memory.failed?.inputs ?? null;
  if (inputs === null || memory.resumedFor === inputs) return false;
  memory.resumedFor = inputs;
  memory.changed = true;
  return true;
}

/**
 * Of a release that an earlier process gave up: which objects of its failed record are not healthy, for they are what it may have waited for in vain. Never
 * throws: without an answer the release waits for its time.
 */
export async function recallMissed(
  release: HelmRelease,
  { last }: Pick<Sighted, 'last'>,
  { memory, hands }: { memory: ReleaseMemory; hands: Pick<Hands, 'cluster' | 'clusters' | 'over'> },
): Promise<void> {
  const { unit, triedAt } = memory;
  if (triedAt !== null || unit.missed.size > 0) return;
  try {
    const stored = await last();
    if (stored?.record.info.status !== 'failed') return;
    const { live, cluster } = siteOf({ memory: unit, hands });
    const keys = await keysOf(stored.record, { release, cluster });
    await live.watchKinds(keys);
    for (const id of keys.map(keyId)) {
      const status = live.get(id)?.health.status;
      if (status !== undefined && status !== 'Current') unit.missed.add(id);
    }
  } catch {}
}
