import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';
import { driftSteps, owns } from './explain-drift.ts';
import { appliedEntries, childSet, isLeaf } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';
import { stepFor } from './item-step.ts';

/**
 * Whether a live object differs from what is declared by the manager's own apply of something else, and not by what others wrote: they would
 * own what they changed. So it is when an agent was stopped halfway through a commit that was taken back since.
 */
export function appliedOtherwise(declared: KubeObject, live: KubeObject, manager: string): boolean {
  const sets = appliedEntries(live, manager).map((entry) => entry.fieldsV1 ?? {});
  const differing = driftSteps(declared, live);
  return sets.some((fields) => differing.some((steps) => owns(fields, steps)) || ownsBeyond(fields, declared));
}

/** Whether a set holds a path that is not declared. */
function ownsBeyond(fields: FieldSet, declared: unknown): boolean {
  if (isLeaf(fields)) return false;
  const steps = Object.keys(fields).filter((step) => step !== '.');
  if (Array.isArray(declared)) return listBeyond(fields, steps, declared);
  if (!isMap(declared)) return true;
  return steps.some((step) => {
    const field = step.slice(2);
    return !Object.hasOwn(declared, field) || ownsBeyond(childSet(fields, step), declared[field]);
  });
}

function listBeyond(fields: FieldSet, steps: readonly string[], declared: readonly unknown[]): boolean {
  const left = new Set(steps);
  for (const item of declared) {
    const step = stepFor(item, left, fields);
    if (step === undefined) continue;
    left.delete(step);
    if (ownsBeyond(childSet(fields, step), item)) return true;
  }
  return left.size > 0;
}
