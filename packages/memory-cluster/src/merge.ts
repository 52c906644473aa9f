import type { Json, JsonObject } from '@plumb/api';

import { itemsBySteps } from './list-items.ts';
import type { PathSet } from './path-set.ts';
import type { Shape } from './schema.ts';
import { isMap } from './values.ts';

/** Lays an applied configuration over the live object: declared values win, everything else stays. */
export function mergeApplied(live: JsonObject, applied: JsonObject, shape: Shape): JsonObject {
  const merged = { ...live };
  for (const [name, value] of Object.entries(applied)) {
    merged[name] = mergeValue(live[name], value, shape.field(name));
  }
  return merged;
}

function mergeValue(live: Json | undefined, applied: Json, shape: Shape): Json {
  if (isMap(applied)) return isMap(live) && !shape.atomicMap ? mergeApplied(live, applied, shape) : applied;
  if (!Array.isArray(applied) || !Array.isArray(live)) return applied;
  const liveItems = itemsBySteps(live, shape);
  const appliedItems = itemsBySteps(applied, shape);
  return liveItems === null || appliedItems === null ? applied : mergeItems(liveItems, appliedItems, shape.items());
}

/** Applied items keep their order; items only the live list has keep their place in front of what followed them. */
function mergeItems(live: Map<string, Json>, applied: Map<string, Json>, shape: Shape): Json[] {
  const merged: Json[] = [];
  const waiting = [...live.keys()];
  const takeLiveOnly = (): void => {
    while (waiting[0] !== undefined && !applied.has(waiting[0]))
      merged.push(live.get(waiting.shift() as string) as Json);
  };
  for (const [step, item] of applied) {
    takeLiveOnly();
    merged.push(mergeValue(live.get(step), item, shape));
    if (waiting[0] === step) waiting.shift();
  }
  return [...merged, ...waiting.filter((step) => !applied.has(step)).map((step) => live.get(step) as Json)];
}

/**
 * Takes away what the set names, except where `kept` (what others own) has the path or anything below it.
 * @returns undefined when nothing is left of a map or list that lost something
 */
export function removePaths(
  value: JsonObject,
  paths: { removed: PathSet; kept: PathSet },
  shape: Shape,
): JsonObject | undefined {
  const result: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    const left = removeAt(`f:${name}`, item, paths, shape.field(name));
    if (left !== undefined) result[name] = left;
  }
  return Object.keys(result).length === 0 && Object.keys(value).length > 0 ? undefined : result;
}

function removeAt(
  step: string,
  value: Json,
  paths: { removed: PathSet; kept: PathSet },
  shape: Shape,
): Json | undefined {
  const kept = paths.kept.members.has(step) || paths.kept.children.has(step);
  if (paths.removed.members.has(step) && !kept) return undefined;
  const removed = paths.removed.child(step);
  if (removed.empty) return value;
  const inside = { removed, kept: paths.kept.child(step) };
  const left = isMap(value) ? removePaths(value, inside, shape) : removeItems(value, inside, shape);
  return left ?? (kept ? empty(value) : undefined);
}

function removeItems(value: Json, paths: { removed: PathSet; kept: PathSet }, shape: Shape): Json | undefined {
  const items = Array.isArray(value) ? itemsBySteps(value, shape) : null;
  if (items === null) return value;
  const left = [...items]
    .map(([step, item]) => removeAt(step, item, paths, shape.items()))
    .filter((item) => item !== undefined);
  return left.length === 0 ? undefined : left;
}

function empty(value: Json): Json {
  return Array.isArray(value) ? [] : {};
}
