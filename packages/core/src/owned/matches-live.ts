import type { KubeObject } from '@plumb/api';
import { isMap } from '../fields.ts';
import { hashOf } from '../hash.ts';
import { below, compareWhole, isEmpty, isZero, worst } from './compare-values.ts';
import type { Match, Place } from './compare-values.ts';
import { appliedEntries, childSet, isLeaf, resolverOf } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';
import { stepFor } from './item-step.ts';
import { isAtomicMap, isBuiltIn, isGranularList, isGranularStruct } from './known-types.ts';

/** metadata the API server keeps out of managedFields. */
const UNOWNED_META: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'generation',
  'managedFields',
  'name',
  'namespace',
  'resourceVersion',
  'selfLink',
  'uid',
]);

/** A declared node, what we own of it, and what is there. */
interface Node {
  desired: unknown;
  fields: FieldSet;
  live: unknown;
  place: Place;
  /** The sets of the other managers that hold this node too. */
  others: readonly FieldSet[];
}

function othersAt(node: Node, step: string): FieldSet[] {
  return node.others.filter((other) => Object.hasOwn(other, step)).map((other) => childSet(other, step));
}

/**
 * Whether server-side apply of `desired` by `manager` would leave the live object, ownership included, as it is. Compares
 * the paths that apply would own with those the manager owns, and the values at them, past what the API server itself
 * respells in built-in types: quantities, defaults inside values owned whole, zero values it does not store.
 * `equal` is only said when certain; `undecided` and `different` both mean: apply.
 */
export function matchesLive(desired: KubeObject, live: KubeObject, manager: string): Match {
  const [own, ...more] = appliedEntries(live, manager);
  if (own === undefined) return 'different';
  if (more.length > 0 || own.apiVersion !== desired.apiVersion || live.apiVersion !== desired.apiVersion) {
    return 'undecided';
  }
  const others = (live.metadata.managedFields ?? []).filter((entry) => entry !== own);
  return compareMap({
    desired: ownable(desired),
    fields: own.fieldsV1 ?? {},
    live,
    place: { kind: desired.kind, builtIn: isBuiltIn(desired), path: [] },
    others: others.map((entry) => entry.fieldsV1 ?? {}),
  });
}

/** The part of an object that apply can own: no identity, and no status where that is a subresource of its own. */
function ownable(desired: KubeObject): Record<string, unknown> {
  const { apiVersion: _version, kind: _kind, status, metadata, ...rest } = desired;
  const meta = Object.fromEntries(Object.entries(metadata).filter(([field]) => !UNOWNED_META.has(field)));
  const keptStatus = status === undefined || isEmpty(status) || isBuiltIn(desired) ? {} : { status };
  return { ...rest, ...keptStatus, ...(isEmpty(meta) ? {} : { metadata: meta }) };
}

function compareNode(node: Node): Match {
  if (isLeaf(node.fields)) return compareLeaf(node);
  if (isMap(node.desired)) return compareMap(node);
  return Array.isArray(node.desired) ? compareList(node.desired, node) : 'different';
}

function compareMap(node: Node): Match {
  const { desired, fields, live, place } = node;
  if (!isMap(desired) || !isMap(live)) return 'different';
  const steps = Object.keys(fields).filter((step) => step !== '.');
  if (steps.some((step) => !step.startsWith('f:'))) return 'undecided';
  if (steps.some((step) => !Object.hasOwn(desired, step.slice(2)))) return 'different';
  const parts = Object.keys(desired).map((field) => {
    const step = `f:${field}`;
    if (!Object.hasOwn(fields, step)) return compareUnowned(desired[field], below(place, field));
    return compareNode({
      desired: desired[field],
      fields: childSet(fields, step),
      live: live[field],
      place: below(place, field),
      others: othersAt(node, step),
    });
  });
  return worst(parts);
}

/** A declared field that the manager does not own: most likely new, or taken over by somebody. */
function compareUnowned(desired: unknown, place: Place): Match {
  if (!isZero(desired)) return 'different';
  const ownsNothing = Array.isArray(desired) && place.builtIn && isGranularList(place.path);
  return ownsNothing ? 'equal' : 'undecided';
}

/** A path without owned children: a scalar, a value owned whole, or a container that was declared empty. */
function compareLeaf(node: Node): Match {
  const { desired, live, place, others } = node;
  const shared = others.some((other) => Object.keys(other).some((step) => step !== '.'));
  if (isEmpty(desired)) return compareEmpty(node, shared);
  // Another spelling of a value that others own too is a conflict to the API server, and apply would take it from them.
  if (others.length > 0 && hashOf(desired) !== hashOf(live)) {
    return compareWhole(desired, live, place) === 'different' ? 'different' : 'undecided';
  }
  if (!isMap(desired) && !Array.isArray(desired)) return compareWhole(desired, live, place);
  if (shared) return 'different';
  // Declared empty before, the live value may be all defaults; only of types known to be owned whole can we be sure.
  if (isMap(desired) && !(place.builtIn && isAtomicMap(place.path.at(-1) ?? ''))) return 'undecided';
  return compareWhole(desired, live, place);
}

/** An empty container leaves what others put there. */
function compareEmpty(node: Node, shared: boolean): Match {
  const { desired, live, place } = node;
  if (live === undefined || live === null || isEmpty(live)) return compareWhole(desired, live, place);
  if (!isMap(desired) || !isMap(live)) return 'undecided';
  return shared || (place.builtIn && isGranularStruct(place.path.at(-1) ?? '')) ? 'equal' : 'undecided';
}

function compareList(desired: readonly unknown[], node: Node): Match {
  const { fields, live } = node;
  if (!Array.isArray(live)) return 'different';
  const steps = Object.keys(fields).filter((step) => step !== '.');
  if (steps.length !== desired.length) return 'different';
  const resolver = resolverOf(live);
  const unused = new Set(steps);
  const parts: Match[] = [];
  let last = -1;
  for (const item of desired) {
    const step = stepFor(item, unused, fields);
    const found = step === undefined ? [] : resolver.resolve(step);
    if (step === undefined || found.length === 0) return 'different';
    unused.delete(step);
    const index = live.indexOf(found[0]);
    // Repeated keys and another order are the API server's to merge.
    if (found.length > 1 || index <= last) parts.push('undecided');
    last = index;
    if (!step.startsWith('v:')) parts.push(compareItem({ ...node, desired: item, live: found[0] }, step));
  }
  return worst(parts);
}

function compareItem(node: Node, step: string): Match {
  const item = { ...node, fields: childSet(node.fields, step), others: othersAt(node, step) };
  // An item of a list that has no owned fields is owned whole (a LocalObjectReference, say).
  return isLeaf(item.fields) && item.others.length === 0
    ? compareWhole(item.desired, item.live, item.place)
    : compareNode(item);
}
