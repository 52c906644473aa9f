import { displayKey, keyId, some, type LimitRule, type ObjectKey, type ProtectedObject } from '@plumb/api';
import type { ChangeFacts } from './facts.ts';
import { fitsOne, isKind } from './glob.ts';

/** What every unit has unless a policy of the cluster says otherwise. */
export const DEFAULT_LIMITS = {
  protected: [
    { kind: 'Namespace.' },
    { kind: 'CustomResourceDefinition.apiextensions.k8s.io' },
    { kind: 'PersistentVolumeClaim.' },
  ],
  maxDeletePercent: 50,
  /** The share counts only in units of this many objects. */
  ofAtLeast: 10,
} as const;

type Limits = Pick<LimitRule, 'maxDeletes' | 'maxDeletePercent'> & {
  protected?: readonly ProtectedObject[] | undefined;
  ofAtLeast?: number;
};

const NAMED = 5;

/** What of a change is beyond the limits, in words; none: nothing is. */
export function beyondLimits(limits: Limits, { objects, owned }: ChangeFacts): string[] {
  const deleted = objects.filter(({ action }) => action === 'delete').map(({ key }) => key);
  if (deleted.length === 0) return [];
  const { maxDeletes, maxDeletePercent, ofAtLeast = 0 } = limits;
  const guarded = deleted.filter((key) => isProtected(limits, key));
  const found: string[] = [];
  if (guarded.length > 0) found.push(`the deletion of ${named(guarded)}`);
  if (maxDeletes !== undefined && deleted.length > maxDeletes) {
    found.push(`the deletion of ${deleted.length} objects, where ${maxDeletes} may go`);
  }
  // What goes was there, whatever is said of how many there are.
  const all = Math.max(owned, deleted.length);
  if (maxDeletePercent !== undefined && all >= ofAtLeast && deleted.length * 100 > maxDeletePercent * all) {
    found.push(`the deletion of ${deleted.length} of ${all} objects, where ${maxDeletePercent} percent may go`);
  }
  return found;
}

/** What is beyond them whatever a change is made for: what they protect is not even deleted to be made anew. */
export function beyondAlways({ protected: rules }: Limits, change: ChangeFacts): string[] {
  const made = new Set(change.objects.filter(({ action }) => action !== 'delete').map(({ key }) => keyId(key)));
  const objects = change.objects.filter(({ key, action }) => action === 'delete' && made.has(keyId(key)));
  return beyondLimits({ protected: rules ?? [] }, { ...change, objects });
}

/** Whether limits say that an object never goes without approval. */
export function isProtected({ protected: rules = [] }: Pick<Limits, 'protected'>, key: ObjectKey): boolean {
  return rules.some((rule) => isMeant(rule, key));
}

function isMeant({ kind, namespace, name }: ProtectedObject, key: ObjectKey): boolean {
  return (
    isKind(kind, key) &&
    fitsOne(namespace === undefined ? undefined : [namespace], key.namespace) &&
    fitsOne(name === undefined ? undefined : [name], key.name)
  );
}

/** In whichever order they go, it reads the same. */
function named(keys: readonly ObjectKey[]): string {
  return some(keys.map(displayKey).toSorted(), NAMED);
}
