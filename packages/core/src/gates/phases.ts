import type { ChangePhase } from '@plumb/api';

const OVER: ReadonlySet<ChangePhase> = new Set(['Superseded', 'Applied', 'Failed']);

/** Whether a change in this phase has ended: nothing that is said of it counts any more. */
export function isOver(phase: ChangePhase): boolean {
  return OVER.has(phase);
}
