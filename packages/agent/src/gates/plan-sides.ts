import type { KubeObject, ObjectKey } from '@plumb/api';
import { fieldChanges, storedForm, type FieldChange } from '@plumb/core';
import { MASK } from '../trial/compared.ts';
import { isSecret, type Secrets } from '../trial/secrets.ts';

/** An object of a plan: as it is declared, as it is, and as it would be where that was tried. */
export interface Sides {
  key: ObjectKey;
  declared: KubeObject | null;
  live: KubeObject | null;
  after: KubeObject | null;
  /** What would change, as `Secrets` shows it. */
  fields: readonly FieldChange[];
}

/** The same as it may be shown. */
export interface ShownSides {
  object: KubeObject | null;
  oldObject: KubeObject | null;
  fields: FieldChange[];
}

/**
 * Both sides without secret values (I8). A value that a Secret has, or that was made of one, shows only whether it is the same on both sides.
 * @param hidesTexts values of any object may come from a Secret: what is there may have been made of what is in no Secret any more
 */
export function shownSides(secrets: Secrets, sides: Sides, hidesTexts: boolean): ShownSides {
  const live = sides.live === null ? null : withoutNotes(sides.live);
  const declared = sides.declared === null ? null : storedForm(sides.declared);
  const fields = sides.fields.filter(({ path }) => !path.includes(LAST_APPLIED)).map(withoutLast);
  const masked = (object: KubeObject | null): KubeObject | null =>
    object === null ? null : secrets.hidden(object, null);
  if (isSecret(declared ?? live ?? NOTHING)) {
    return {
      object: withSides(masked(declared), declared, live, 'after'),
      oldObject: withSides(masked(live), live, declared, 'before'),
      fields,
    };
  }
  const shown = hidesTexts ? fields.map(withoutRemoved) : fields;
  const { before, after } = hiddenTexts({ ...sides, fields: shown });
  const old = live !== null && sides.after === null && hidesTexts ? onlyNamed(live) : live;
  return {
    object: masked(marked(declared, after, AFTER)),
    oldObject: masked(marked(old, before, BEFORE)),
    fields: shown,
  };
}

const NOTHING = { apiVersion: '', kind: '' };
const BEFORE = `${MASK} (before)`;
const AFTER = `${MASK} (after)`;

/** kubectl keeps the whole of an object in it. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** All annotations may come or go as one. */
function withoutLast({ path, before, after }: FieldChange): FieldChange {
  if (path !== 'metadata.annotations') return { path, before, after };
  const without = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const { [LAST_APPLIED]: _last, ...rest } = value as Record<string, unknown>;
    return rest;
  };
  return { path, before: without(before), after: without(after) };
}

/** Without what is nobody's to judge by: who wrote which field, and what kubectl keeps of the object. */
function withoutNotes(object: KubeObject): KubeObject {
  const { managedFields: _fields, ...metadata } = object.metadata;
  if (metadata.annotations?.[LAST_APPLIED] === undefined) return { ...object, metadata };
  const { [LAST_APPLIED]: _last, ...annotations } = metadata.annotations;
  return { ...object, metadata: { ...metadata, annotations } };
}

/** The values of a Secret: the mask says of those that differ which side they are of. */
function withSides(
  masked: KubeObject | null,
  own: KubeObject | null,
  other: KubeObject | null,
  side: 'before' | 'after',
): KubeObject | null {
  const data = own?.['data'];
  if (masked === null || typeof data !== 'object' || data === null) return masked;
  const others = (other?.['data'] ?? {}) as Record<string, unknown>;
  const values = Object.entries(data).map(([key, value]) => {
    const isSame = Object.hasOwn(others, key) && others[key] === value;
    return [key, isSame ? MASK : `${MASK} (${side})`] as const;
  });
  return { ...masked, data: Object.fromEntries(values) };
}

/** What a removed value was made of nobody may know any more. */
function withoutRemoved(field: FieldChange): FieldChange {
  return field.before === undefined || field.after !== undefined ? field : { ...field, before: BEFORE };
}

/** The texts that differ between both sides and are not shown. */
function hiddenTexts({ live, after, fields }: Sides): { before: Set<string>; after: Set<string> } {
  const hidden = { before: new Set<string>(), after: new Set<string>() };
  if (live === null || after === null) return hidden;
  const shown = new Map(fields.map((field) => [field.path, field]));
  for (const change of fieldChanges(live, after)) {
    const field = shown.get(change.path);
    addHidden(change.before, field?.before, hidden.before);
    addHidden(change.after, field?.after, hidden.after);
  }
  return hidden;
}

/** The texts of a value that are not in it as it is shown. */
function addHidden(value: unknown, shown: unknown, texts: Set<string>): void {
  if (typeof value === 'string' && value !== shown) texts.add(value);
  if (typeof value !== 'object' || value === null) return;
  const parts = typeof shown === 'object' && shown !== null ? (shown as Record<string, unknown>) : {};
  for (const [key, item] of Object.entries(value)) addHidden(item, parts[key], texts);
}

function marked(object: KubeObject | null, texts: ReadonlySet<string>, mark: string): KubeObject | null {
  if (object === null || texts.size === 0) return object;
  return replaced(object, (text) => (texts.has(text) ? mark : text)) as KubeObject;
}

/** Where nothing tells what of an object stays, no text of it is shown but its name and labels. */
function onlyNamed({ apiVersion, kind, metadata, ...rest }: KubeObject): KubeObject {
  const hide = (part: object): object => replaced(part, () => BEFORE) as object;
  const { annotations, ...named } = metadata;
  const hidden = annotations === undefined ? named : { ...named, annotations: hide(annotations) };
  return { apiVersion, kind, metadata: hidden as KubeObject['metadata'], ...hide(rest) };
}

function replaced(value: unknown, by: (text: string) => string): unknown {
  if (typeof value === 'string') return by(value);
  if (Array.isArray(value)) return value.map((item) => replaced(item, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, by)]));
}
