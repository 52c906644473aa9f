import { isMap } from '../fields.ts';
import { sameScalar } from './fields-v1.ts';
import { isDefault, isQuantity } from './known-types.ts';
import { canonicalQuantity } from './quantity.ts';

/** What comparing came to. `undecided` whenever only the API server can tell; the caller then applies. */
export type Match = 'equal' | 'different' | 'undecided';

/** Where a value stands: the object's kind, and the field names down to it (list items add none). */
export interface Place {
  kind: string;
  /** Its group is served by Kubernetes itself. */
  builtIn: boolean;
  path: readonly string[];
}

export function below(place: Place, field: string): Place {
  return { ...place, path: [...place.path, field] };
}

/** The worst of the parts: one difference decides, one doubt leaves open. */
export function worst(parts: Iterable<Match>): Match {
  let result: Match = 'equal';
  for (const part of parts) {
    if (part === 'different') return 'different';
    if (part === 'undecided') result = 'undecided';
  }
  return result;
}

/** A Go type with `omitempty` writes none of these: what was declared so may be missing from the live object. */
export function isZero(value: unknown): boolean {
  return value === null || value === '' || value === 0 || value === 0n || value === false || isEmpty(value);
}

export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.keys(value).length === 0;
}

/** Compares a declared value with the live one as a whole: scalars, and lists and maps that are owned in one piece. */
export function compareWhole(desired: unknown, live: unknown, place: Place): Match {
  if (live === undefined || live === null) {
    if (desired === null) return 'equal';
    if (!isZero(desired)) return 'different';
    return place.builtIn ? 'equal' : 'undecided';
  }
  if (Array.isArray(desired)) return Array.isArray(live) ? compareItems(desired, live, place) : 'different';
  if (isMap(desired)) return isMap(live) ? compareFields(desired, live, place) : 'different';
  return compareScalars(desired, live, place);
}

function compareScalars(desired: unknown, live: unknown, place: Place): Match {
  if (sameScalar(desired, live)) return 'equal';
  if (desired === null) return place.builtIn && isZero(live) ? 'equal' : 'undecided';
  if (place.kind === 'Secret' && place.path[0] === 'data') return compareBase64(desired, live);
  const quantity = canonicalQuantity(desired);
  if (quantity !== null && quantity === canonicalQuantity(live)) {
    return place.builtIn && isQuantity(place.kind, place.path) ? 'equal' : 'undecided';
  }
  return typeof desired === typeof live ? 'different' : 'undecided';
}

/** The API server decodes and encodes Secret data, which drops line breaks. */
function compareBase64(desired: unknown, live: unknown): Match {
  if (typeof desired !== 'string') return 'undecided';
  return desired.replaceAll(/[\r\n]/g, '') === live ? 'equal' : 'different';
}

function compareItems(desired: readonly unknown[], live: readonly unknown[], place: Place): Match {
  if (desired.length !== live.length) return 'different';
  return worst(desired.map((item, index) => compareWhole(item, live[index], place)));
}

function compareFields(desired: Record<string, unknown>, live: Record<string, unknown>, place: Place): Match {
  const declared = Object.keys(desired).map((field) => compareWhole(desired[field], live[field], below(place, field)));
  const added = Object.keys(live)
    .filter((field) => !Object.hasOwn(desired, field))
    .map((field) => compareAdded(live[field], below(place, field)));
  return worst([...declared, ...added]);
}

/** A live field nobody declared inside a value we own whole: a default, or something apply would take away. */
function compareAdded(live: unknown, place: Place): Match {
  if (!place.builtIn) return 'undecided';
  if (isMap(live)) return worst(Object.keys(live).map((field) => compareAdded(live[field], below(place, field))));
  return isDefault(place.path, live) ? 'equal' : 'undecided';
}
