import type { KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import { apiVersionOf, asPlumbError, PlumbError } from '@plumb/api';
import type { FieldChange } from '@plumb/core';
import {
  allowsPruning,
  asksToBeLeft,
  compareForApply,
  compareForPrune,
  declaredFor,
  fieldChanges,
  immutableFields,
  isSameUnit,
  ownerOf,
  ownershipOf,
  rulesOf,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Desired } from '@plumb/render';
import type { Coming } from './coming.ts';
import type { Secrets } from './secrets.ts';

/** What applying a unit would do to one object. */
export interface ObjectDiff {
  key: ObjectKey;
  /** `recreated`: deleted and made anew, because of fields that cannot change. `untried`: the server cannot try it before something else of the same change is there: its kind or its namespace. */
  change: 'created' | 'changed' | 'recreated' | 'deleted' | 'untried' | 'failed';
  /** Fields that would change, secrets masked; empty for what comes or goes as a whole. */
  fields: FieldChange[];
  /** Why it failed, was not tried, or is made anew; empty else. */
  message: string;
  /** What it is beside an object that is applied: `hook: pre-upgrade`. */
  role?: string;
}

/** How a unit applies, and deletes, its objects. */
export interface Trial {
  /** Acts as the unit would. */
  cluster: Cluster;
  ref: UnitRef;
  secrets: Secrets;
  coming: Coming;
  /** What cannot change is deleted and made anew. */
  force: boolean;
  /** Fields that are left to others are set all the same. */
  setsIgnored?: boolean;
  /** Reads an object as it is now; by default one by one. */
  read?: (key: ObjectKey) => Promise<KubeObject | null>;
  /** Told how an object would be after it was applied. */
  onTried?: (key: ObjectKey, after: KubeObject) => void;
  /** Refuses an object that must not be touched, before it is tried. */
  refuse?: (key: ObjectKey) => Promise<void>;
  /** Whether an object without the unit's labels is its own all the same. */
  owns?: (object: KubeObject) => boolean;
  signal: AbortSignal;
}

/** What is applied of an object. */
export type Tried = Pick<Desired, 'key' | 'body' | 'ignored'>;

const PARALLEL = 16;

/**
 * What applying these objects would change: each is tried by a server-side dry run and compared with what is. In apply order; what stays as it is is left out.
 * @throws PlumbError `cancelled`, `api-unavailable`; what is wrong with a single object is told with it
 */
export async function tryObjects(objects: readonly Tried[], trial: Trial): Promise<ObjectDiff[]> {
  const sorted = objects.toSorted((a, b) => compareForApply(a.key, b.key));
  return shown(await ofEach(sorted, (desired) => told(desired.key, tryObject(desired, trial))), trial);
}

/** Which of these would be deleted: what is still there, is the unit's own and says nothing against it. @throws PlumbError as `tryObjects` */
export async function tryDeletions(keys: readonly ObjectKey[], trial: Trial): Promise<ObjectDiff[]> {
  const sorted = keys.toSorted(compareForPrune);
  return shown(await ofEach(sorted, (key) => told(key, tryDeletion(key, trial))), trial);
}

function shown(diffs: readonly (ObjectDiff | null)[], { secrets }: Trial): ObjectDiff[] {
  return diffs
    .filter((diff) => diff !== null)
    .map((diff) => ({ ...diff, key: secrets.key(diff.key), message: secrets.message(diff.message) }));
}

/** A few at a time, in their order. */
async function ofEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += PARALLEL)
    results.push(...(await Promise.all(items.slice(at, at + PARALLEL).map(work))));
  return results;
}

/** What goes wrong with one object does not keep the others from being told. */
async function told(key: ObjectKey, trying: Promise<ObjectDiff | null>): Promise<ObjectDiff | null> {
  try {
    return await trying;
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled' || error.code === 'api-unavailable') throw error;
    return diffOf(key, 'failed', error.message);
  }
}

async function tryObject(desired: Tried, trial: Trial): Promise<ObjectDiff | null> {
  const { key, body } = desired;
  const { cluster, coming, ref } = trial;
  if ((await cluster.resource(key)) === null) {
    if (coming.hasKind(key)) return diffOf(key, 'untried', 'its kind comes with this change');
    return diffOf(key, 'failed', `the cluster serves no kind ${key.kind} in ${apiVersionOf(key)}`);
  }
  const live = await readOf(key, trial);
  const { manager } = ownershipOf(ref);
  if (isLeftAlone(body, live, manager)) return null;
  if (live !== null) await trial.refuse?.(key);
  try {
    return await tryApply(desired, live, trial);
  } catch (thrown) {
    const fixed = live === null ? null : fixedFields(asPlumbError(thrown), { body, live, trial });
    if (fixed !== null) return diffOf(key, 'recreated', fixed.join(', '));
    const missing = live === null && thrown instanceof PlumbError && thrown.code === 'api-not-found';
    if (missing && coming.hasNamespace(key.namespace))
      return diffOf(key, 'untried', 'its namespace comes with this change');
    throw thrown;
  }
}

function readOf(key: ObjectKey, { cluster, read, signal }: Trial): Promise<KubeObject | null> {
  return read === undefined ? cluster.get(key, { signal }) : read(key);
}

async function tryApply(
  { key, body, ignored }: Tried,
  live: KubeObject | null,
  trial: Trial,
): Promise<ObjectDiff | null> {
  const { cluster, ref, secrets, setsIgnored = false, signal } = trial;
  const { manager } = ownershipOf(ref);
  const sent = live === null || setsIgnored ? body : declaredFor(body, live, ignored, 'trial');
  const after = await cluster.apply(sent, { fieldManager: manager, force: true, dryRun: true, signal });
  trial.onTried?.(key, after);
  if (live === null) return diffOf(key, 'created');
  secrets.add(live);
  secrets.add(after);
  const fields = fieldChanges(live, after).map((change) => secrets.change(key, change));
  return fields.length === 0 ? null : { ...diffOf(key, 'changed'), fields };
}

const REFUSALS: ReadonlySet<string> = new Set(['api-invalid', 'api-conflict', 'api-forbidden']);

/**
 * The fields for which the agent would delete an object of this unit and make it anew (the unit's force, or the object's rule); [] where the refusal names
 * none. Null where it would not.
 */
function fixedFields(
  { code, message }: PlumbError,
  { body, live, trial: { force, ref } }: { body: KubeObject; live: KubeObject; trial: Trial },
): string[] | null {
  const { manager } = ownershipOf(ref);
  const isForced = force || rulesOf(body, manager).force || rulesOf(live, manager).force;
  if (!isForced || !REFUSALS.has(code) || !isSameUnit(ownerOf(live, manager), ref)) return null;
  return immutableFields(message);
}

/** By its own rules, declared or live. */
function isLeftAlone(body: KubeObject, live: KubeObject | null, manager: string): boolean {
  const objects = [body, ...(live === null ? [] : [live])];
  if (objects.some((object) => asksToBeLeft(rulesOf(object, manager)))) return true;
  return live !== null && rulesOf(body, manager).ssa === 'IfNotPresent';
}

async function tryDeletion(key: ObjectKey, trial: Trial): Promise<ObjectDiff | null> {
  const { cluster, ref, owns } = trial;
  if ((await cluster.resource(key)) === null) return null;
  const live = await readOf(key, trial);
  const { manager } = ownershipOf(ref);
  if (live === null || !(isSameUnit(ownerOf(live, manager), ref) || owns?.(live) === true)) return null;
  return allowsPruning(rulesOf(live, manager)) ? diffOf(key, 'deleted') : null;
}

export function diffOf(key: ObjectKey, change: ObjectDiff['change'], message = ''): ObjectDiff {
  return { key, change, fields: [], message };
}
