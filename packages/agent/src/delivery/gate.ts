import { ownMessages, userError } from '@plumb/api';
import type { Plan } from '@plumb/core';

/** Judges a plan before anything of it is carried out. It throws a PlumbError to refuse; then nothing is changed. */
export type Gate = (plan: Plan) => void;

/** A build that came out empty deletes nothing: an emptied folder or a wrong path is a mistake far more often than a wish. */
export function refuseEmptying(path: string): Gate {
  return (plan) => {
    if (plan.refused.length === 0) return;
    throw userError('empty-result', ownMessages.emptyResult.text({ path, objects: plan.refused.length }));
  };
}

export function passGates(plan: Plan, gates: readonly Gate[]): void {
  for (const gate of gates) gate(plan);
}
