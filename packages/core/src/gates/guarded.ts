import type { ObjectKey } from '@plumb/api';
import { isAbout } from './causes.ts';
import { governing } from './evaluate.ts';
import { hasDefaultLimits } from './judge-limits.ts';
import type { ChangeFacts, PolicyFacts } from './facts.ts';
import { DEFAULT_LIMITS, isProtected } from './limits.ts';

/** What a change leaves in place, and may not delete to make it anew: its deletion would need an approval. */
export function guardedKeys(policies: readonly PolicyFacts[], change: ChangeFacts, isEmergency: boolean): ObjectKey[] {
  const occasion = { cause: change.cause, isEmergency };
  const own = governing(policies, change);
  const limits = own.flatMap(({ spec }) =>
    spec.limits !== undefined && isAbout(spec.limits.causes, occasion) ? [spec.limits] : [],
  );
  const all = hasDefaultLimits(own, change) ? [...limits, DEFAULT_LIMITS] : limits;
  const kept = change.objects.filter(({ action }) => action === 'change').map(({ key }) => key);
  return kept.filter((key) => all.some((one) => isProtected(one, key)));
}
