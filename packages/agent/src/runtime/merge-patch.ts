import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject } from '@plumb/api';

/**
 * The JSON merge patch (RFC 7396) that turns `before` into `after`. Lists are replaced whole.
 * @returns null when there is nothing to change
 */
export function mergePatch(before: JsonObject, after: JsonObject): JsonObject | null {
  const patch: JsonObject = {};
  for (const name of Object.keys(before)) {
    if (after[name] === undefined) patch[name] = null;
  }
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const part = partPatch(before[name], value);
    if (part !== undefined) patch[name] = part;
  }
  return Object.keys(patch).length === 0 ? null : patch;
}

/** @returns undefined when the two are equal */
function partPatch(before: Json | undefined, after: Json): Json | undefined {
  if (isObject(before) && isObject(after)) return mergePatch(before, after) ?? undefined;
  // The API server gives fields back in its own order.
  return isDeepStrictEqual(before, after) ? undefined : after;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
