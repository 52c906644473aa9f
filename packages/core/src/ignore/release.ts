import type { Json, JsonObject, KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { isMap } from '../fields.ts';
import { childSet, isLeaf, resolverOf } from '../owned/fields-v1.ts';
import type { FieldSet } from '../owned/fields-v1.ts';
import { stepFor } from '../owned/item-step.ts';
import { indexOf, pointerTree } from './pointer.ts';
import type { PointerTree } from './pointer.ts';
import { KEPT_LABELS } from './strip.ts';

/** A node of the object in both its forms; the declared one says which item of a list an index means. */
interface Node {
  declared: unknown;
  live: unknown;
}

/**
 * A manager's entries without the paths the pointers name: whoever else holds them keeps them, and nobody's value changes. An index means
 * the item of the declared list, and of the live one where none is declared. What lies inside a value owned in one piece stays owned with
 * it. The list itself when there is nothing to release.
 */
export function releasedEntries(
  entries: readonly ManagedFieldsEntry[],
  object: { declared: KubeObject; live: KubeObject },
  { manager, pointers }: { manager: string; pointers: readonly string[] },
): readonly ManagedFieldsEntry[] {
  if (pointers.length === 0) return entries;
  const tree = pointerTree(pointers);
  const released = entries.map((entry) => {
    const isOurs = entry.manager === manager && entry.operation === 'Apply' && (entry.subresource ?? '') === '';
    const fields = entry.fieldsV1 ?? {};
    const left = isOurs ? withLabels(release(fields, tree, object), fields) : fields;
    return sameFields(left, fields) ? entry : { ...entry, fieldsV1: left };
  });
  if (released.every((entry, index) => entry === entries[index])) return entries;
  return released.filter(({ fieldsV1 = {} }) => !isLeaf(fieldsV1));
}

/**
 * The JSON patch (RFC 6902) that gives up our ownership of ignored fields; [] when we hold none. It holds the resourceVersion it was made
 * for: a later object refuses it.
 */
export function releasePatch(
  object: { declared: KubeObject; live: KubeObject },
  how: { manager: string; pointers: readonly string[] },
): JsonObject[] {
  const { managedFields = [], resourceVersion = '' } = object.live.metadata;
  const released = releasedEntries(managedFields, object, how);
  if (released === managedFields) return [];
  return [
    { op: 'replace', path: '/metadata/managedFields', value: released as unknown as Json },
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
  ];
}

function release(fields: FieldSet, tree: PointerTree, { declared, live }: Node): FieldSet {
  let left = fields;
  for (const [token, sub] of tree.below) {
    const step = stepOf(token, fields, { declared, live });
    if (step === undefined || !Object.hasOwn(left, step)) continue;
    const child = childSet(left, step);
    if (!sub.ends && isLeaf(child)) continue;
    const inner = { declared: childOf(declared, token), live: resolverOf(live).resolve(step)[0] };
    const rest = sub.ends ? null : release(child, sub, inner);
    if (rest === child) continue;
    const { [step]: _released, ...others } = left;
    // A container we own nothing in is not ours either: an apply without it would take away what others have there.
    left = rest === null || Object.keys(rest).every((name) => name === '.') ? others : { ...others, [step]: rest };
  }
  return left;
}

/** The step a token stands for in a set; undefined where the set has none. */
function stepOf(token: string, fields: FieldSet, { declared, live }: Node): string | undefined {
  const step = `f:${token}`;
  if (Object.hasOwn(fields, step)) return step;
  const index = indexOf(token);
  if (index === null) return undefined;
  const item = childOf(Array.isArray(declared) ? declared : live, token);
  const steps = new Set(Object.keys(fields));
  return steps.has(`i:${index}`) ? `i:${index}` : stepFor(item, steps, fields);
}

function childOf(value: unknown, token: string): unknown {
  if (isMap(value)) return Object.hasOwn(value, token) ? value[token] : undefined;
  const index = indexOf(token);
  return Array.isArray(value) && index !== null ? (value[index] as unknown) : undefined;
}

/** The labels that say whose an object is are never released. */
function withLabels(left: FieldSet, fields: FieldSet): FieldSet {
  const held = childSet(childSet(fields, 'f:metadata'), 'f:labels');
  const kept = KEPT_LABELS.map((label) => `f:${label}`).filter((step) => Object.hasOwn(held, step));
  if (kept.length === 0) return left;
  const metadata = childSet(left, 'f:metadata');
  const labels = childSet(metadata, 'f:labels');
  if (kept.every((step) => Object.hasOwn(labels, step))) return left;
  const ours = Object.fromEntries(['.', ...kept].filter((step) => Object.hasOwn(held, step)).map((step) => [step, {}]));
  return { ...left, 'f:metadata': { ...metadata, 'f:labels': { ...ours, ...labels } } };
}

function sameFields(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameFields(childSet(a, name), childSet(b, name)))
  );
}
