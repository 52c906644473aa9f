/** Reads of fields whose shape nobody guarantees: a wrong type reads as absent, as kstatus and Flux read them. */

/** A JSON object, as opposed to a list, a scalar or nothing. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of field names; undefined where any step is missing. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let at = root;
  for (const field of path) {
    if (!isMap(at)) return undefined;
    at = Object.hasOwn(at, field) ? at[field] : undefined;
  }
  return at;
}

export function textAt(root: unknown, path: readonly string[], fallback: string): string {
  const value = valueAt(root, path);
  return typeof value === 'string' ? value : fallback;
}

/** An integer field; bigint is accepted, since JSON integers beyond 2^53 arrive as one. */
export function intAt(root: unknown, path: readonly string[], fallback: number): number {
  const value = valueAt(root, path);
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' && Number.isInteger(value) ? value : fallback;
}

/** One entry of status.conditions; missing fields read as ''. */
export interface ConditionFields {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** status.conditions in their order; entries that are no objects are left out. */
export function conditionsOf(object: unknown): ConditionFields[] {
  const list = valueAt(object, ['status', 'conditions']);
  if (!Array.isArray(list)) return [];
  return list.filter(isMap).map((entry) => ({
    type: textAt(entry, ['type'], ''),
    status: textAt(entry, ['status'], ''),
    reason: textAt(entry, ['reason'], ''),
    message: textAt(entry, ['message'], ''),
  }));
}
