import type { KubeObject, ObjectKey, Kustomization } from '@plumb/api';
import { APPLY_MANAGER, apiVersionOf, asPlumbError, PlumbError, userError } from '@plumb/api';
import type { FieldChange } from '@plumb/core';
import {
  allowsPruning,
  asksToBeLeft,
  compareForApply,
  compareForPrune,
  declaredFor,
  diffInventory,
  fieldChanges,
  immutableFields,
  isSameUnit,
  ownerOf,
  parseInventoryEntry,
  rulesOf,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Desired } from '@plumb/render';
import type { Built } from './build.ts';
import { Coming } from './coming.ts';

/** What applying a unit would do to one object. */
export interface ObjectDiff {
  key: ObjectKey;
  /** `recreated`: deleted and made anew, because of fields that cannot change. `untried`: the server cannot try it before something else of the same change is there: its kind or its namespace. */
  change: 'created' | 'changed' | 'recreated' | 'deleted' | 'untried' | 'failed';
  /** Fields that would change, secrets masked; empty for what comes or goes as a whole. */
  fields: FieldChange[];
  /** Why it failed, was not tried, or is made anew; empty else. */
  message: string;
}

export interface DiffRequest {
  /** Acts as the unit would. */
  cluster: Cluster;
  built: Built;
  signal: AbortSignal;
}

const PARALLEL = 16;

/**
 * Tries every object by a server-side dry run and compares what would be with what is. Writes nothing. What stays as it is is left out.
 * @throws PlumbError `cancelled`, `api-unavailable`, `invalid-spec` for a unit of another cluster; what is wrong with a single object is told with it
 */
export async function diffUnit({ cluster, built, signal }: DiffRequest): Promise<ObjectDiff[]> {
  refuseElsewhere(built);
  const objects = built.bundle.objects.toSorted((a, b) => compareForApply(a.key, b.key));
  const context = { cluster, built, signal, coming: new Coming(objects) };
  const applied = await ofEach(objects, (desired) => told(desired.key, tryObject(desired, context)));
  const deleted = await ofEach(goneOf(built), (key) => told(key, tryDeletion(key, context)));
  const { secrets } = built;
  const diffs = [...applied, ...deleted].filter((diff) => diff !== null);
  return diffs.map((diff) => ({ ...diff, key: secrets.key(diff.key), message: secrets.message(diff.message) }));
}

/** The cluster the unit is in says nothing of one that it delivers to. */
function refuseElsewhere({ unit, ref }: Built): void {
  if (unit.spec.kubeConfig === undefined) return;
  const text = `Kustomization ${ref.namespace}/${ref.name} delivers to another cluster (spec.kubeConfig), and diff compares with the one it is given: put the Kustomization without spec.kubeConfig into a file (--kustomization-file), and give that cluster (--kubeconfig)`;
  throw userError('invalid-spec', text);
}

interface Context extends DiffRequest {
  coming: Coming;
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
    return of(key, 'failed', error.message);
  }
}

async function tryObject({ key, body, ignored }: Desired, context: Context): Promise<ObjectDiff | null> {
  const { cluster, signal, coming } = context;
  const { secrets } = context.built;
  if ((await cluster.resource(key)) === null) {
    if (coming.hasKind(key)) return of(key, 'untried', 'its kind comes with this change');
    return of(key, 'failed', `the cluster serves no kind ${key.kind} in ${apiVersionOf(key)}`);
  }
  const live = await cluster.get(key, { signal });
  if (isLeftAlone(body, live)) return null;
  try {
    const sent = live === null ? body : declaredFor(body, live, ignored, 'trial');
    const after = await cluster.apply(sent, { fieldManager: APPLY_MANAGER, force: true, dryRun: true, signal });
    if (live === null) return of(key, 'created');
    secrets.add(live);
    secrets.add(after);
    const fields = fieldChanges(live, after).map((change) => secrets.change(key, change));
    return fields.length === 0 ? null : { ...of(key, 'changed'), fields };
  } catch (thrown) {
    const fixed = live === null ? null : fixedFields(asPlumbError(thrown), { body, live, built: context.built });
    if (fixed !== null) return of(key, 'recreated', fixed.join(', '));
    const missing = live === null && thrown instanceof PlumbError && thrown.code === 'api-not-found';
    if (missing && coming.hasNamespace(key.namespace))
      return of(key, 'untried', 'its namespace comes with this change');
    throw thrown;
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['api-invalid', 'api-conflict', 'api-forbidden']);

/**
 * The fields for which the agent would delete an object of this unit and make it anew (spec.force, or the object's rule); [] where the refusal names
 * none. Null where it would not.
 */
function fixedFields(
  { code, message }: PlumbError,
  { body, live, built: { unit, ref } }: { body: KubeObject; live: KubeObject; built: Built },
): string[] | null {
  const isForced = unit.spec.force === true || rulesOf(body).force || rulesOf(live).force;
  if (!isForced || !REFUSALS.has(code) || !isSameUnit(ownerOf(live), ref)) return null;
  return immutableFields(message);
}

/** By its own rules, declared or live. */
function isLeftAlone(body: KubeObject, live: KubeObject | null): boolean {
  if ([body, ...(live === null ? [] : [live])].some((object) => asksToBeLeft(rulesOf(object)))) return true;
  return live !== null && rulesOf(body).ssa === 'IfNotPresent';
}

/** What the inventory lists and the build no longer has. */
function goneOf({ unit, bundle }: Built): ObjectKey[] {
  if (!unit.spec.prune) return [];
  const declared = bundle.objects.map(({ key }) => key);
  return diffInventory(inventoryOf(unit), declared).sort(compareForPrune);
}

/** Deleted is what is still there with this unit's labels. */
async function tryDeletion(key: ObjectKey, { built, cluster, signal }: Context): Promise<ObjectDiff | null> {
  if ((await cluster.resource(key)) === null) return null;
  const live = await cluster.get(key, { signal });
  if (live === null || !isSameUnit(ownerOf(live), built.ref)) return null;
  return allowsPruning(rulesOf(live)) ? of(key, 'deleted') : null;
}

/** What a unit owns, by its status. */
export function inventoryOf({ status }: Pick<Kustomization, 'status'>): ObjectKey[] {
  return (status?.inventory?.entries ?? []).map(parseInventoryEntry);
}

function of(key: ObjectKey, change: ObjectDiff['change'], message = ''): ObjectDiff {
  return { key, change, fields: [], message };
}
