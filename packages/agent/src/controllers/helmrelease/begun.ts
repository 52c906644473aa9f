import type { HelmRelease } from '@plumb/api';
import type { Step } from './decide.ts';
import type { ReleaseMemory } from './memory.ts';

/** An object with what was asked of it when something was begun: what comes of that answers nothing newer (I6, I7). */
export function asBegun(object: HelmRelease, { metadata, spec }: HelmRelease): HelmRelease {
  const { annotations: _newer, generation: _now, ...rest } = object.metadata;
  const { annotations, generation } = metadata;
  const asked = { ...(annotations && { annotations }), ...(generation !== undefined && { generation }) };
  return { ...object, spec, metadata: { ...rest, ...asked } };
}

/** What a run answers: an action under way what it was begun for, anything else what stands there now. */
export function begunWith(object: HelmRelease, step: Step, { underway, job }: ReleaseMemory): HelmRelease {
  const isNew = step.do === 'refuse' || step.do === 'await' || (step.do === 'reconcile' && step.isFresh);
  return isNew || job === null ? object : (underway?.begun ?? object);
}
