import type { LiveChange, LiveObjects } from '../../delivery/live.ts';
import type { ReleaseMemory } from './memory.ts';

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
 * An object changed. @returns whether it was the last to turn healthy of those that the release waited for in vain. One that its own expressions find
 * unhealthy while its status is well never turns.
 */
export function noteHealth(
  { id, before, after }: Pick<LiveChange, 'id' | 'before' | 'after'>,
  memory: ReleaseMemory,
  live: Pick<LiveObjects, 'get'>,
): boolean {
  const { missed } = memory.unit;
  const isTurn = after?.health.status === 'Current' && before?.health.status !== 'Current';
  if (!isTurn || !missed.has(id)) return false;
  if ([...missed].some((other) => other !== id && live.get(other)?.health.status !== 'Current')) return false;
  missed.clear();
  memory.changed = true;
  return true;
}
