import { ownMessages, systemError, type HelmRelease } from '@plumb/api';
import { LOCKED_DOWN } from '@plumb/core';
import type { Gatekeeper } from '../../gates/gatekeeper.ts';
import type { ReleaseMemory } from './memory.ts';
import { subjectOf } from './see-release.ts';

/** Something that gates are judged by has changed: a release that a lockdown stops ends what it does. @returns whether a run is due now */
export function noteGates(object: HelmRelease, memory: ReleaseMemory, gates: Gatekeeper | null): boolean {
  const { unit, task, job } = memory;
  // What is being judged may not have seen it.
  unit.judgeAgain ||= isHeld(memory) || job !== null;
  // Of an uninstall for the end of its object nothing is told as of a task.
  const cause = task?.action === 'correct' ? 'drift' : null;
  if (job !== null && gates?.isLocked(subjectOf(object, unit), cause) === true)
    job.cancel(systemError('cancelled', LOCKED_DOWN));
  const { isRepairHeld } = memory;
  if (isRepairHeld) unit.driftFailed = { count: 0, retryAt: 0 };
  memory.isRepairHeld = false;
  return isRepairHeld || isHeld(memory) || object.metadata.deletionTimestamp !== undefined;
}

/** The next run takes in what has changed since a release was held. */
export function judgeAnew(memory: ReleaseMemory): void {
  if (memory.unit.judgeAgain && isHeld(memory)) memory.failed = null;
  if (memory.job === null) memory.unit.judgeAgain = false;
}

function isHeld({ failed }: ReleaseMemory): boolean {
  return failed?.said?.id === ownMessages.gated.id;
}
