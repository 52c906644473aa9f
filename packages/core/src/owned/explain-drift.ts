import type { KubeObject, ManagedFieldsEntry } from '@plumb/api';
import { isMap } from '../fields.ts';
import { compareWhole, isEmpty, below, isZero } from './compare-values.ts';
import type { Place } from './compare-values.ts';
import { childSet, hasKeyFields, isLeaf, keyFieldsOf } from './fields-v1.ts';
import type { FieldSet } from './fields-v1.ts';
import { isBuiltIn, keyDefault } from './known-types.ts';

/** What somebody changed on an object, without any value of it. */
export interface Drift {
  /** Declared paths that differ or are gone: `spec.replicas`, `spec.template.spec.containers[name=app].image`. At most 10. */
  paths: string[];
  /** The field managers that own these paths now, last writer first. Empty when only something was removed. At most 5. */
  managers: string[];
  /** Paths beyond those listed. */
  more: number;
}

/** What somebody changed on an object, with the values: not to be told before what is secret is hidden. */
export interface DriftValues extends Drift {
  /** What is declared at each of `paths`, and what is there; undefined for nothing. */
  values: { declared: unknown; live: unknown }[];
}

const PATH_LIMIT = 10;
const MANAGER_LIMIT = 5;

/** One difference: for people, and in the notation of managedFields. */
interface Difference {
  text: string;
  steps: readonly string[];
  declared: unknown;
  live: unknown;
}

interface Walk {
  sets: readonly FieldSet[];
  found: Difference[];
}

interface Node {
  desired: unknown;
  live: unknown;
  text: string;
  steps: readonly string[];
  place: Place;
}

/** Fields that are nobody's to declare, or belong to the object's name. */
const SKIPPED: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'status']);
const SKIPPED_META: ReadonlySet<string> = new Set(['creationTimestamp', 'managedFields', 'name', 'namespace', 'uid']);

/** Says which declared paths of an object differ from the live one, and which other field managers wrote them. */
export function explainDrift(desired: KubeObject, live: KubeObject, manager: string): Drift {
  const { values: _values, ...drift } = driftValues(desired, live, manager);
  return drift;
}

/** As explainDrift, with what is declared and what is there. */
export function driftValues(desired: KubeObject, live: KubeObject, manager: string): DriftValues {
  const entries = live.metadata.managedFields ?? [];
  const others = entries.filter((entry) => entry.manager !== manager || entry.operation !== 'Apply');
  const found = differences(desired, live);
  const listed = found.slice(0, PATH_LIMIT);
  return {
    paths: listed.map((difference) => difference.text),
    managers: writersOf(found, others).slice(0, MANAGER_LIMIT),
    more: found.length - listed.length,
    values: listed.map((difference) => ({ declared: difference.declared, live: difference.live })),
  };
}

/** The declared paths that differ from the live object, in the notation of managedFields. */
export function driftSteps(desired: KubeObject, live: KubeObject): (readonly string[])[] {
  return differences(desired, live).map(({ steps }) => steps);
}

function differences(desired: KubeObject, live: KubeObject): Difference[] {
  const sets = (live.metadata.managedFields ?? []).map((entry) => entry.fieldsV1 ?? {});
  const walk: Walk = { sets, found: [] };
  const place: Place = { kind: desired.kind, builtIn: isBuiltIn(desired), path: [] };
  walkMap(walk, { desired: declaredPart(desired), live, text: '', steps: [], place });
  return walk.found;
}

function declaredPart(desired: KubeObject): Record<string, unknown> {
  const fields = Object.entries(desired).filter(([field]) => !SKIPPED.has(field));
  const metadata = Object.entries(desired.metadata).filter(([field]) => !SKIPPED_META.has(field));
  return { ...Object.fromEntries(fields), metadata: Object.fromEntries(metadata) };
}

function walkNode(walk: Walk, node: Node): void {
  const { desired, live, place } = node;
  if (isEmpty(desired) || (place.builtIn && isZero(desired) && live === undefined)) return;
  if (isMap(desired) && isMap(live) && !isWhole(walk, node)) walkMap(walk, node);
  else if (Array.isArray(desired) && Array.isArray(live) && keysOf(walk, node) !== null)
    walkList(walk, node, desired, live);
  else if (compareWhole(desired, live, place) === 'different')
    walk.found.push({ text: node.text, steps: node.steps, declared: desired, live });
}

function walkMap(walk: Walk, node: Node): void {
  const desired = node.desired as Record<string, unknown>;
  const live = node.live as Record<string, unknown>;
  for (const field of Object.keys(desired)) {
    walkNode(walk, {
      desired: desired[field],
      live: Object.hasOwn(live, field) ? live[field] : undefined,
      text: join(node.text, field),
      steps: [...node.steps, `f:${field}`],
      place: below(node.place, field),
    });
  }
}

function walkList(walk: Walk, node: Node, desired: readonly unknown[], live: readonly unknown[]): void {
  const names = keysOf(walk, node) ?? [];
  for (const item of desired) {
    if (!isMap(item)) {
      if (!live.includes(item))
        walk.found.push({
          text: node.text,
          steps: [...node.steps, `v:${JSON.stringify(item)}`],
          declared: item,
          live: undefined,
        });
      continue;
    }
    const keys = Object.fromEntries(names.map((name) => [name, item[name] ?? keyDefault(name)]));
    const label = names.filter((name) => keys[name] !== undefined).map((name) => `${name}=${String(keys[name])}`);
    const text = `${node.text}[${label.join(',')}]`;
    const steps = [...node.steps, `k:${JSON.stringify(keys)}`];
    const match = live.find((candidate) => hasKeyFields(candidate, keys));
    if (match === undefined) walk.found.push({ text, steps, declared: item, live: undefined });
    else walkNode(walk, { ...node, desired: item, live: match, text, steps });
  }
}

/** Whether somebody owns the node in one piece: then its inner fields have no owner of their own. */
function isWhole(walk: Walk, node: Node): boolean {
  const sets = walk.sets.map((fields) => reach(fields, node.steps)).filter((at) => at !== null);
  return sets.length > 0 && sets.every(isLeaf) && node.steps.length > 1;
}

/** The key fields of an associative list, from whoever owns an item of it; [] for a set of scalars, null for a whole list. */
function keysOf(walk: Walk, node: Node): string[] | null {
  for (const fields of walk.sets) {
    const step = Object.keys(reach(fields, node.steps) ?? {}).find((name) => name !== '.');
    if (step === undefined) continue;
    const keys = keyFieldsOf(step);
    return keys === null ? [] : Object.keys(keys);
  }
  return null;
}

/** The node a set has at a path; null where it has none. */
function reach(fields: FieldSet, steps: readonly string[]): FieldSet | null {
  let at: FieldSet = fields;
  for (const step of steps) {
    if (!Object.hasOwn(at, step)) return null;
    at = childSet(at, step);
  }
  return at;
}

/** A field name as a step of a readable path; names that hold dots stand in brackets. */
function join(text: string, field: string): string {
  if (!/^[\w-]+$/.test(field)) return `${text}[${field}]`;
  return text === '' ? field : `${text}.${field}`;
}

/** The managers whose sets hold one of the paths, something above it that is owned whole, or something below it. */
function writersOf(found: readonly Difference[], others: readonly ManagedFieldsEntry[]): string[] {
  const writers = others.filter((entry) => found.some(({ steps }) => owns(entry.fieldsV1 ?? {}, steps)));
  const byTime = writers.toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));
  return [...new Set(byTime.map((entry) => entry.manager ?? 'unknown'))];
}

/** Whether a set holds a path, something above it that is owned whole, or something below it. */
export function owns(fields: FieldSet, steps: readonly string[]): boolean {
  let at: FieldSet = fields;
  for (const step of steps) {
    if (!Object.hasOwn(at, step)) return at !== fields && isLeaf(at);
    at = childSet(at, step);
  }
  return true;
}
