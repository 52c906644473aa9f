import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';
import { below, isEmpty } from '../owned/compare-values.ts';
import type { Place } from '../owned/compare-values.ts';
import { childSet, hasKeyFields, isLeaf, keyFieldsOf, sameScalar } from '../owned/fields-v1.ts';
import type { FieldSet } from '../owned/fields-v1.ts';
import { stepFor } from '../owned/item-step.ts';
import { isAtomicMap, isBuiltIn, isGranularList, isGranularStruct, keyDefault } from '../owned/known-types.ts';
import { indexOf, pointerTree } from './pointer.ts';
import type { PointerTree } from './pointer.ts';
import { withIdentity } from './strip.ts';

/**
 * What the body is for. `apply`: ignored fields are left out. `trial`: they are there as they are live, so that a dry run made before they
 * are released does not see them go.
 */
export type Use = 'apply' | 'trial';

/** A declared node, what is live there, and what every manager's set has of it. */
interface Node {
  declared: unknown;
  live: unknown;
  sets: readonly FieldSet[];
  place: Place;
  /** It lies inside a value that is applied in one piece. */
  whole: boolean;
}

/**
 * What is declared of an object that exists, as far as its ignored fields go. They are left out, with two exceptions. What is not there yet
 * is created in full, as the object itself is: a new container needs its image. And inside a value that server-side apply replaces in one
 * piece, such as most lists of custom kinds, leaving out would delete: there the live value is taken into the declaration.
 */
export function declaredFor(
  object: KubeObject,
  live: KubeObject,
  pointers: readonly string[],
  use: Use = 'apply',
): KubeObject {
  if (pointers.length === 0) return object;
  const tree = pointerTree(pointers);
  const sets = (live.metadata.managedFields ?? []).map((entry) => entry.fieldsV1 ?? {}).filter((set) => !isLeaf(set));
  const place = { kind: object.kind, builtIn: isBuiltIn(object), path: [] };
  const fitted = fit({ declared: object, live, sets, place, whole: false }, tree, use);
  return fitted === object ? object : withIdentity(isMap(fitted) ? fitted : {}, object);
}

/** Undefined when nothing is left of it. */
function fit(node: Node, tree: PointerTree, use: Use): unknown {
  const { declared, live } = node;
  if (tree.below.size === 0 || live === undefined || live === null) return declared;
  const here = { ...node, whole: node.whole || isWhole(node, tree) };
  if (isMap(declared) && isMap(live)) return fitMap(here, { declared, live }, tree, use);
  return Array.isArray(declared) && Array.isArray(live) ? fitList(here, { declared, live }, tree, use) : declared;
}

function fitMap(
  node: Node,
  { declared, live }: { declared: Record<string, unknown>; live: Record<string, unknown> },
  tree: PointerTree,
  use: Use,
): unknown {
  const fitted = new Map(Object.entries(declared));
  let changed = false;
  for (const [field, sub] of tree.below) {
    const isDeclared = fitted.has(field);
    const before = fitted.get(field);
    const there = Object.hasOwn(live, field) ? live[field] : undefined;
    if (!isDeclared && !(node.whole && sub.ends && there !== undefined)) continue;
    const step = `f:${field}`;
    const sets = node.sets.filter((set) => Object.hasOwn(set, step)).map((set) => childSet(set, step));
    const inner = { ...node, declared: before, live: there, sets, place: below(node.place, field) };
    const next = sub.ends ? atEnd(inner, use) : fit(inner, sub, use);
    if (next === before) continue;
    changed = true;
    if (next === undefined) fitted.delete(field);
    else fitted.set(field, next);
  }
  if (!changed) return declared;
  return fitted.size === 0 && !node.whole ? undefined : Object.fromEntries(fitted);
}

function fitList(
  node: Node,
  { declared, live }: { declared: readonly unknown[]; live: readonly unknown[] },
  tree: PointerTree,
  use: Use,
): unknown {
  const fitted = [...declared];
  for (const [token, sub] of tree.below) {
    const index = indexOf(token);
    if (index === null || index >= declared.length) continue;
    const item = declared[index];
    const there = node.whole ? live[index] : itemLike(item, live, node.sets);
    const inner = { ...node, declared: item, live: there, sets: setsOf(item, node.sets) };
    // A place in a list that is one value cannot be left empty.
    if (node.whole && there === undefined) continue;
    fitted[index] = sub.ends ? atEnd(inner, use) : fit(inner, sub, use);
  }
  if (fitted.every((item, index) => item === declared[index])) return declared;
  const left = fitted.filter((item) => item !== undefined);
  return isEmpty(left) && !node.whole ? undefined : left;
}

/** The value of an ignored field: none, or the one that is there. */
function atEnd({ live, place, whole }: Node, use: Use): unknown {
  // Metadata as a whole holds what must not be sent.
  if (place.path.length === 1 && place.path[0] === 'metadata') return undefined;
  return whole || use === 'trial' ? (live ?? undefined) : undefined;
}

/**
 * Whether server-side apply has the node in one piece. The sets tell: a manager that owns parts of it shows that it has parts, one that owns
 * it without any shows that it has none, unless it was declared empty: that is told apart where the type is known. Where nobody owns it,
 * the types that are known.
 */
function isWhole({ live, sets, place }: Node, tree: PointerTree): boolean {
  if (!(isMap(live) || Array.isArray(live)) || sets.some((set) => !isLeaf(set))) return false;
  const field = place.path.at(-1) ?? '';
  const isOwned = sets.length > 0;
  if (Array.isArray(live)) return isOwned || !(isReleased(tree) || (place.builtIn && isGranularList(place.path)));
  if (isEmpty(live) || isGranularMap(place, field)) return false;
  return isOwned || (place.builtIn && isAtomicMap(field));
}

/** Items that are left to others as a whole: nobody owns them because they were given up one by one. */
function isReleased(tree: PointerTree): boolean {
  return tree.below.values().every((item) => item.ends);
}

/** Maps that are always owned key by key. */
function isGranularMap({ builtIn, path }: Place, field: string): boolean {
  if (path[0] === 'metadata') return true;
  return builtIn && (isGranularStruct(field) || (path.length === 1 && field !== 'spec'));
}

/** What the sets have of a list's item. */
function setsOf(item: unknown, sets: readonly FieldSet[]): FieldSet[] {
  return sets.flatMap((set) => {
    const step = isLeaf(set) ? undefined : stepFor(item, new Set(Object.keys(set)), set);
    return step === undefined ? [] : [childSet(set, step)];
  });
}

/** The live item a declared one is merged into: the one with its keys, whoever owns them. */
function itemLike(item: unknown, live: readonly unknown[], sets: readonly FieldSet[]): unknown {
  if (!isMap(item)) return live.find((candidate) => sameScalar(candidate, item));
  const steps = sets.flatMap((set) => Object.keys(set));
  const names = Object.keys(steps.map(keyFieldsOf).find((keys) => keys !== null) ?? {});
  if (names.length === 0) return undefined;
  const keys = Object.fromEntries(names.map((name) => [name, item[name] ?? keyDefault(name)]));
  return live.find((candidate) => hasKeyFields(candidate, keys));
}
