import { ownMessages } from '@plumb/api';
import type { UnitMemory } from '../../delivery/unit.ts';

/** The next run takes in what has changed since the unit was held. */
export function judgeAnew(memory: UnitMemory): void {
  if (memory.judgeAgain && isHeld(memory)) memory.failed = null;
  memory.judgeAgain = false;
}

/** A gate holds the last run back. */
export function isHeld({ failed }: UnitMemory): boolean {
  return failed?.said.id === ownMessages.gated.id;
}
