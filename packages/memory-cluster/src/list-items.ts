import type { Json, JsonObject } from '@plumb/api';

import type { Shape } from './schema.ts';
import { canonical, isMap } from './values.ts';

/**
 * The items of a list by their step (`k:{...}` or `v:...`), in order; null for a list that is one value, or whose items
 * cannot be told apart (a key is missing or stands twice).
 */
export function itemsBySteps(list: readonly Json[], shape: Shape): Map<string, Json> | null {
  const type = shape.list;
  if (type === 'atomic') return null;
  const items = new Map<string, Json>();
  for (const item of list) {
    const step = type === 'set' ? `v:${canonical(item)}` : keyStep(item, type.keys, shape.keyDefaults);
    if (step === null || items.has(step)) return null;
    items.set(step, item);
  }
  return items;
}

function keyStep(item: Json, keys: readonly string[], defaults: JsonObject): string | null {
  if (!isMap(item)) return null;
  const found: JsonObject = {};
  for (const key of keys) {
    const value = item[key] ?? defaults[key];
    if (value !== undefined) found[key] = value;
  }
  return Object.keys(found).length === 0 ? null : `k:${canonical(found)}`;
}
