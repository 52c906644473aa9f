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

/**
 * Which of these a change may not delete without an approval, whatever it is made for: limits say so.
 * @param policies those that govern the change
 */
export function protectedKeys(
  policies: readonly PolicyFacts[],
  change: ChangeFacts,
  keys: readonly ObjectKey[],
): ObjectKey[] {
  const own = policies.flatMap(({ spec }) => spec.limits ?? []);
  const all = hasDefaultLimits(policies, change) ? [...own, DEFAULT_LIMITS] : own;
  return keys.filter((key) => all.some((one) => isProtected(one, key)));
}
