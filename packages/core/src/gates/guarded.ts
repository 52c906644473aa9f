import type { ObjectKey } from '@plumb/api';
import { governing } from './evaluate.ts';
import { areDefaultsOn } from './judge-limits.ts';
import type { ChangeFacts, ObjectFate, PolicyFacts } from './facts.ts';
import { DEFAULT_LIMITS, isProtected } from './limits.ts';

/** Which objects of its unit a change may not delete to make them anew: their deletion would need an approval. */
export function guardedKeys(
  policies: readonly PolicyFacts[],
  change: ChangeFacts,
  keys: readonly ObjectKey[],
): ObjectKey[] {
  const deleted = keys.map((key): ObjectFate => ({ key, action: 'delete' }));
  const supposed = { ...change, objects: [...change.objects, ...deleted] };
  return protectedKeys(governing(policies, supposed), supposed, keys);
}

/** Whether limits that every unit has by default protect an object. */
export function isProtectedByDefault(key: ObjectKey): boolean {
  return isProtected(DEFAULT_LIMITS, key);
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
  const all = areDefaultsOn(policies, change) ? [...own, DEFAULT_LIMITS] : own;
  return keys.filter((key) => all.some((one) => isProtected(one, key)));
}
