import type { Json, JsonObject } from '@plumb/api';

import { itemsBySteps } from './list-items.ts';
import { PathSet } from './path-set.ts';
import type { Shape } from './schema.ts';
import { equal, isMap } from './values.ts';

/** The paths a value declares: what its applier owns (structured-merge-diff, ToFieldSet). */
export function declaredPaths(value: JsonObject, shape: Shape): PathSet {
  const set = new PathSet();
  for (const [name, item] of Object.entries(value)) {
    const inner = shape.field(name);
    const step = `f:${name}`;
    const below = insideOf(item, inner);
    if (below === null || shape.freeKeys || isEmptyMap(item)) set.members.add(step);
    if (below !== null) set.attach(step, below);
  }
  return set;
}

/** The set below a value that is owned part by part; null when it is owned whole. */
function insideOf(value: Json, shape: Shape): PathSet | null {
  if (isMap(value)) return shape.atomicMap ? null : declaredPaths(value, shape);
  if (!Array.isArray(value)) return null;
  const items = itemsBySteps(value, shape);
  if (items === null) return null;
  const set = new PathSet();
  for (const [step, item] of items) {
    set.members.add(step);
    if (isMap(item)) set.attach(step, declaredPaths(item, shape.items()));
  }
  return set;
}

function isEmptyMap(value: Json): boolean {
  return isMap(value) && Object.keys(value).length === 0;
}

/** What a write did, as paths. A container that came or went counts itself beside its parts. */
export interface Difference {
  added: PathSet;
  changed: PathSet;
  removed: PathSet;
}

export function compare(before: JsonObject, after: JsonObject, shape: Shape): Difference {
  const difference = { added: new PathSet(), changed: new PathSet(), removed: new PathSet() };
  compareMaps(before, after, shape, difference);
  return {
    added: difference.added.trimmed(),
    changed: difference.changed.trimmed(),
    removed: difference.removed.trimmed(),
  };
}

function compareMaps(before: JsonObject, after: JsonObject, shape: Shape, into: Difference): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compareAt(`f:${name}`, { before: before[name], after: after[name] }, shape.field(name), into);
  }
}

function compareAt(
  step: string,
  values: { before: Json | undefined; after: Json | undefined },
  shape: Shape,
  into: Difference,
): void {
  const { before, after } = values;
  if (before === undefined && after === undefined) return;
  if (before === undefined) addAll(step, after as Json, shape, into.added);
  else if (after === undefined) addAll(step, before, shape, into.removed);
  else if (isMap(before) && isMap(after) && !shape.atomicMap) compareMaps(before, after, shape, below(step, into));
  else if (!compareItems(step, { before, after }, shape, into) && !equal(before, after)) into.changed.members.add(step);
}

/** @returns false when these are not lists that are compared item by item */
function compareItems(step: string, values: { before: Json; after: Json }, shape: Shape, into: Difference): boolean {
  if (!Array.isArray(values.before) || !Array.isArray(values.after)) return false;
  const before = itemsBySteps(values.before, shape);
  const after = itemsBySteps(values.after, shape);
  if (before === null || after === null) return false;
  for (const item of new Set([...before.keys(), ...after.keys()])) {
    compareAt(item, { before: before.get(item), after: after.get(item) }, shape.items(), below(step, into));
  }
  return true;
}

function addAll(step: string, value: Json, shape: Shape, set: PathSet): void {
  set.members.add(step);
  const inside = insideOf(value, shape);
  if (inside !== null) set.children.set(step, set.grow(step).union(inside));
}

function below(step: string, into: Difference): Difference {
  return { added: into.added.grow(step), changed: into.changed.grow(step), removed: into.removed.grow(step) };
}
