import type { KubeObject } from '@plumb/api';
import { Hasher, sortedKeys } from '../hash.ts';
import { appliedEntries, childSet, isLeaf, resolverOf } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';

const ABSENT = 9;
const PRESENT = 10;

/** What one hash is made from: the sets of the other managers tell shared containers from atomic values. */
interface Walk {
  hasher: Hasher;
  others: readonly FieldSet[];
  path: string[];
}

/**
 * A hash over the paths a manager owns by server-side apply and the values at them in the live object; '' when it owns
 * none. It changes when an owned value changes, when a path is lost to another manager or removed, and when our set
 * grows; fields that others own or that nobody declared do not count, nor do the order of keys or the times in
 * managedFields. About 64 bits, 16 hexadecimal digits.
 */
export function ownedHash(object: KubeObject, manager: string): string {
  const own = appliedEntries(object, manager);
  if (own.length === 0) return '';
  const entries = object.metadata.managedFields ?? [];
  const others = entries.filter((entry) => !own.includes(entry)).map((entry) => entry.fieldsV1 ?? {});
  const walk: Walk = { hasher: new Hasher(), others, path: [] };
  for (const entry of own) hashSet(walk, entry.fieldsV1 ?? {}, object);
  return walk.hasher.digest();
}

function hashSet(walk: Walk, fields: FieldSet, value: unknown): void {
  const resolver = resolverOf(value);
  for (const step of sortedKeys(fields)) {
    walk.hasher.text(step);
    if (step === '.') continue;
    const found = resolver.resolve(step);
    if (found.length === 0) walk.hasher.mark(ABSENT);
    walk.path.push(step);
    for (const item of found) hashNode(walk, childSet(fields, step), item);
    walk.path.pop();
  }
  walk.hasher.mark(PRESENT);
}

function hashNode(walk: Walk, fields: FieldSet, value: unknown): void {
  if (!isLeaf(fields)) {
    hashSet(walk, fields, value);
    return;
  }
  // We declared an empty container and others filled it: what they put there is theirs.
  if (typeof value === 'object' && isShared(walk)) walk.hasher.mark(PRESENT);
  else walk.hasher.value(value);
}

/** Whether any other manager owns something below the current path. */
function isShared(walk: Walk): boolean {
  return walk.others.some((fields) => {
    let at: FieldSet = fields;
    for (const step of walk.path) at = childSet(at, step);
    return Object.keys(at).some((step) => step !== '.');
  });
}
