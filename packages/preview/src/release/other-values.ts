import type { HelmRelease, Json, KubeObject, ValuesReference } from '@plumb/api';
import { printJson } from '@plumb/api';
import { readDocuments } from '@plumb/render';
import { standInFor } from '../stand-in.ts';

// Values that come from Secrets, and others in their place: what comes out otherwise with them is made of a secret.

/** A single value of a Secret that a release takes. */
export interface Leaf {
  /** Name of the Secret, and the key in it. */
  secret: string;
  key: string;
  /** Where it stands in a values file; null: the text of the key is the value. */
  path: readonly (string | number)[] | null;
  text: string | number | bigint;
}

/** What takes the place of leaves: another value, or none. A leaf that is not named stays. */
export type Others = ReadonlyMap<Leaf, 'other' | 'gone'>;

const DEFAULT_KEY = 'values.yaml';

/** The values that a release takes from these Secrets. Booleans and null say nothing by themselves, and stay what they are. */
export function leavesOf({ spec }: Pick<HelmRelease, 'spec'>, secrets: readonly KubeObject[]): Leaf[] {
  const taken = new Map<string, Leaf[]>();
  for (const reference of spec.valuesFrom ?? []) {
    const secret = secrets.find(({ metadata }) => reference.kind === 'Secret' && metadata.name === reference.name);
    const text = secret === undefined ? undefined : textAt(secret, keyOf(reference));
    if (text === undefined) continue;
    const place = { secret: reference.name, key: keyOf(reference) };
    const leaves =
      reference.targetPath === undefined ? leavesIn(text, place) : leavesAt(text, { ...place, path: null });
    taken.set(`${place.secret}/${place.key}/${reference.targetPath === undefined}`, leaves);
  }
  return [...taken.values()].flat();
}

function keyOf({ valuesKey = DEFAULT_KEY }: ValuesReference): string {
  return valuesKey;
}

function textAt(secret: KubeObject, key: string): string | undefined {
  const texts = (secret['data'] ?? {}) as Record<string, string>;
  const text = Object.hasOwn(texts, key) ? texts[key] : undefined;
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
}

function leavesIn(text: string, place: Pick<Leaf, 'secret' | 'key'>): Leaf[] {
  const value = valuesIn(text);
  return value === null ? leavesAt(text, { ...place, path: null }) : leavesAt(value, { ...place, path: [] });
}

/** Null for what only Helm can read: it is then one value. */
function valuesIn(text: string): Json | null {
  try {
    return readDocuments('values', Buffer.from(text))[0] ?? null;
  } catch {
    return null;
  }
}

function leavesAt(value: Json, place: Omit<Leaf, 'text'>): Leaf[] {
  if (typeof value === 'string' && PLAIN.has(value)) return [];
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return [{ ...place, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  const items: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return items.flatMap(([step, item]) => leavesAt(item, { ...place, path: [...(place.path ?? []), step] }));
}

const PLAIN: ReadonlySet<string> = new Set(['', 'true', 'false', 'null']);

/** A Secret with others in place of its leaves. */
export function withOthers(secret: KubeObject, leaves: readonly Leaf[], others: Others): KubeObject {
  const mine = leaves.filter((leaf) => leaf.secret === secret.metadata.name && others.has(leaf));
  if (mine.length === 0) return secret;
  const data = new Map(Object.entries((secret['data'] ?? {}) as Record<string, string>));
  for (const [key, ofKey] of Map.groupBy(mine, (leaf) => leaf.key)) {
    const changed = changedText(textAt(secret, key) ?? '', ofKey, others);
    if (changed === null) data.delete(key);
    else data.set(key, Buffer.from(changed).toString('base64'));
  }
  return { ...secret, data: Object.fromEntries(data) };
}

/** @returns null: there is no such key any more */
function changedText(text: string, leaves: readonly Leaf[], others: Others): string | null {
  const [whole] = leaves.filter(({ path }) => path === null);
  if (whole !== undefined) return others.get(whole) === 'gone' ? null : String(otherFor(whole.text));
  const values = valuesIn(text);
  if (values === null) return text;
  const byPath = new Map(leaves.map((leaf) => [printJson([...(leaf.path ?? [])]), leaf]));
  return printJson(changedAt(values, [], (path) => byPath.get(printJson([...path])), others) ?? {});
}

type Path = readonly (string | number)[];

function changedAt(
  value: Json,
  path: Path,
  leafAt: (path: Path) => Leaf | undefined,
  others: Others,
): Json | undefined {
  if (Array.isArray(value))
    return value.map((item, index) => changedAt(item, [...path, index], leafAt, others) ?? null);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, changedAt(item, [...path, key], leafAt, others)]);
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined)) as Json;
  }
  const leaf = leafAt(path);
  if (leaf === undefined) return value;
  return others.get(leaf) === 'gone' ? undefined : otherFor(leaf.text);
}

/** Another value of the same type. */
function otherFor(value: Leaf['text']): string | number {
  if (typeof value === 'string') return standInFor(value);
  const other = Number(standInFor(String(value)));
  return Number.isFinite(other) ? other : 1;
}

/** Most renders that are spent on finding values which a chart can be rendered with. */
const MOST_TRIES = 100;

/**
 * Renders with others in place of as many leaves as the chart bears: some must be what they are, such as the type of a Service.
 * @param render gives null where it cannot be rendered so
 * @returns null where it can be rendered with no other value
 */
export async function renderOtherwise<R>(
  leaves: readonly Leaf[],
  render: (others: Others) => Promise<R | null>,
): Promise<R | null> {
  const whole = await render(new Map(leaves.map((leaf) => [leaf, 'other'] as const)));
  if (whole !== null) return whole;
  let taken: Others = new Map();
  let best: R | null = null;
  const size = Math.ceil((2 * leaves.length) / MOST_TRIES);
  for (let at = 0; at < leaves.length; at += size) {
    for (const how of ['other', 'gone'] as const) {
      const others = new Map([...taken, ...leaves.slice(at, at + size).map((leaf) => [leaf, how] as const)]);
      const rendered = await render(others);
      if (rendered === null) continue;
      [taken, best] = [others, rendered];
      break;
    }
  }
  return best;
}
