import { diffOf, MASK, type ObjectDiff, type Secrets } from '@plumb/agent';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import { compareForApply, fieldChanges, type FieldChange } from '@plumb/core';
import { hookKey, type BuiltRelease } from './build-release.ts';

/** Something that a release has, whatever it is of it. */
interface Part {
  key: ObjectKey;
  body: KubeObject;
  /** What it is beside an object that is applied; empty for one of these. */
  role: string;
  /** As it is shown. Null: as objects of builds are. */
  hidden: KubeObject | null;
}

/**
 * What one build of a release has otherwise than another: definitions, objects and hooks, each in their order, and at the end what it has no more.
 * Both builds must have had the same `Secrets`.
 * @param before null: there was none
 */
export function compareReleases(before: BuiltRelease | null, after: BuiltRelease): ObjectDiff[] {
  const { secrets } = after;
  const old = before === null ? new Map<string, Part>() : partsOf(before);
  const now = partsOf(after);
  const there = [...now].flatMap(([id, part]) => changeOf(old.get(id), part, secrets) ?? []);
  const gone = [...old].filter(([id]) => !now.has(id)).reverse();
  return [...there, ...gone.map(([, part]) => diffAs(part, 'deleted', secrets))];
}

function partsOf({ rendered, definitions, hooks, secrets }: BuiltRelease): Map<string, Part> {
  const objects = rendered.bundle.objects.toSorted((a, b) => compareForApply(a.key, b.key));
  const parts = [
    ...definitions.map(({ key, body }) => ({ key, body, role: 'definition', hidden: null })),
    ...objects.map(({ key, body }) => ({ key, body, role: '', hidden: null })),
    ...hooks.map(({ hook, body, other }) => {
      const hidden = secrets.hidden(body, other);
      return { key: hookKey(body), body, role: `hook: ${hook.events.join(', ')}`, hidden };
    }),
  ];
  return new Map(parts.map((part) => [`${part.hidden === null ? part.role : 'hook'} ${keyId(part.key)}`, part]));
}

function changeOf(before: Part | undefined, after: Part, secrets: Secrets): ObjectDiff | null {
  if (before === undefined) return diffAs(after, 'created', secrets);
  const fields = fieldsOf(before, after, secrets);
  return fields.length === 0 ? null : { ...diffAs(after, 'changed', secrets), fields };
}

function fieldsOf(before: Part, after: Part, secrets: Secrets): FieldChange[] {
  const changes = fieldChanges(before.body, after.body);
  if (before.hidden === null || after.hidden === null)
    return changes.map((change) => secrets.change(after.key, change));
  const shown = new Map(fieldChanges(before.hidden, after.hidden).map((change) => [change.path, change]));
  return changes.map(({ path }) => {
    const masked = { path: secrets.message(path), before: `${MASK} (before)`, after: `${MASK} (after)` };
    return shown.get(path) ?? masked;
  });
}

function diffAs({ key, role, hidden }: Part, change: ObjectDiff['change'], secrets: Secrets): ObjectDiff {
  const shown = hidden === null ? secrets.key(key) : hookKey(hidden);
  return { ...diffOf(shown, change), ...(role === '' ? {} : { role }) };
}
