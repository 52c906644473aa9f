import type { Json, JsonObject } from '@plumb/api';

/**
 * The values of a release with those of the last one under them, as `helm upgrade --reuse-values` has them (helm pkg/chart/common/util/coalesce.go,
 * CoalesceTables): tables are merged, anything else is what is given now, and what is null now goes. Pure.
 */
export function withKeptValues(given: JsonObject, kept: JsonObject): JsonObject {
  const own = Object.entries(given).flatMap(([key, value]): [string, Json][] => {
    if (value === null) return [];
    const before = Object.hasOwn(kept, key) ? kept[key] : undefined;
    return [[key, isTable(value) && isTable(before) ? withKeptValues(value, before) : value]];
  });
  const others = Object.entries(kept).filter(([key]) => !Object.hasOwn(given, key));
  return Object.fromEntries([...own, ...others]);
}

function isTable(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
