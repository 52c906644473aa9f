import { keyId, type Kustomization, type KubeObject } from '@plumb/api';
import { allowsPruning, ownershipOf, rulesOf, type Cause, type ObjectFate } from '@plumb/core';
import type { Content, Secrets } from '@plumb/agent';
import type { DeclaredUnit, Part } from './parts.ts';

/** What becomes of one unit between two revisions, as far as these say it. */
export interface UnitChange {
  /** The unit as it is to be; as it was, where it is to be no more. */
  unit: DeclaredUnit;
  cause: Cause;
  objects: ObjectFate[];
  contents: Content[];
  /** Objects as they were declared, by keyId. */
  before: ReadonlyMap<string, KubeObject>;
  owned: number;
  /** keyIds of what goes. */
  leaving: string[];
  /** Empty where nothing is to be any more. */
  bundleDigest: string;
  /** What must not be shown of it, nor of what was there before. */
  secrets: readonly Secrets[];
}

/** @returns null where nothing becomes of it. @param before null: it was not there; `after` null: it is to be no more */
export function compareUnits(before: DeclaredUnit | null, after: DeclaredUnit | null): UnitChange | null {
  const unit = after ?? before;
  if (unit === null || before?.digest === after?.digest) return null;
  const old = new Map((before?.objects ?? []).map((part) => [keyId(part.key), part]));
  const leaving = leavingOf(before, after);
  const { fates, contents } = after === null ? { fates: [], contents: [] } : comingOf(old, before, after);
  const objects = [...fates, ...leaving.map(({ key }): ObjectFate => ({ key, action: 'delete' }))];
  if (objects.length === 0) return null;
  return {
    unit,
    cause: fates.length === 0 ? 'prune' : 'routine',
    objects,
    contents,
    before: new Map([...old].map(([id, { body }]) => [id, body])),
    owned: old.size,
    leaving: leaving.map(({ key }) => keyId(key)),
    bundleDigest: after?.digest ?? '',
    secrets: [before, after].flatMap((one) => one?.secrets ?? []),
  };
}

/** What is made or changed, in the order in which the agent tells it to gates. */
function comingOf(
  old: ReadonlyMap<string, Part>,
  before: DeclaredUnit | null,
  { objects, definitions, hooks }: DeclaredUnit,
): { fates: ObjectFate[]; contents: Content[] } {
  const changed = objects.filter(({ key, digest }) => old.get(keyId(key))?.digest !== digest);
  const defined = definitions.filter((part) => isNews(part, before?.definitions ?? []));
  return {
    fates: [
      ...changed.map(({ key }): ObjectFate => ({ key, action: old.has(keyId(key)) ? 'change' : 'create' })),
      ...hooks.map(({ key }): ObjectFate => ({ key, action: 'create' })),
      ...defined.map(({ key }): ObjectFate => ({ key, action: 'change' })),
    ],
    contents: [...changed, ...defined, ...hooks].map(({ key, body, path }) => ({ key, body, path })),
  };
}

function leavingOf(before: DeclaredUnit | null, after: DeclaredUnit | null): Part[] {
  const now = new Set((after?.objects ?? []).map(({ key }) => keyId(key)));
  return (before?.objects ?? []).filter((part) => !now.has(keyId(part.key)) && isDeleted(part, before, after));
}

function isNews({ key, digest }: Part, before: readonly Part[]): boolean {
  return !before.some((one) => one.digest === digest && keyId(one.key) === keyId(key));
}

/** Whether the agent deletes what is declared no more. A release takes with it all that it has. */
function isDeleted({ body }: Part, before: DeclaredUnit | null, after: DeclaredUnit | null): boolean {
  const { ref, unit } = (after ?? before) as DeclaredUnit;
  if (ref.kind === 'HelmRelease') return true;
  if (!allowsPruning(rulesOf(body, ownershipOf(ref).manager))) return false;
  const { prune, deletionPolicy = 'MirrorPrune', suspend } = (unit as Kustomization).spec;
  if (after !== null) return prune;
  if (suspend === true || deletionPolicy === 'Orphan') return false;
  return deletionPolicy !== 'MirrorPrune' || prune;
}
