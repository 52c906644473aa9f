import {
  bundleOfRecord,
  Coming,
  diffOf,
  type Foreseen,
  foreseeRelease,
  type ObjectDiff,
  ownedBy,
  refuseForeign,
  type ReleaseRecord,
  type StoredRelease,
  type Trial,
  tryDeletions,
  tryObjects,
  wishOf,
} from '@plumb/agent';
import type { CrdPolicy, HelmRelease, KubeObject, ObjectKey } from '@plumb/api';
import { displayKey, keyId, keyOf } from '@plumb/api';
import {
  diffInventory,
  driftModeFor,
  hooksFor,
  installOptionsOf,
  releaseNamespaceOf,
  rollbackOptionsOf,
  rulesOf,
  testOptionsOf,
  testsFor,
  uninstallOptionsOf,
  unitDriftMode,
  upgradeOptionsOf,
  type HookEvent,
  type HookLike,
} from '@plumb/core';
import { HELM_APPLY_MANAGER } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { Bundle } from '@plumb/render';
import { refuseElsewhere } from '../diff.ts';
import { buildRelease, hookKey, type BuiltRelease, type HookObject } from './build-release.ts';
import type { DeclaredRelease } from './declare.ts';
import { outlookOf, type Outlook } from './outlook.ts';
import { hookObjectsFor } from './print-release.ts';
import type { Room } from './surroundings.ts';

export interface DiffReleaseRequest {
  declared: DeclaredRelease;
  /** Acts as the release would. */
  cluster: Cluster;
  room: Room;
  engine: Engine;
  signal: AbortSignal;
}

/** A hook that would run. */
export interface HookRun {
  event: HookEvent;
  /** What it makes. */
  key: Pick<ObjectKey, 'kind' | 'namespace' | 'name'>;
  weight: number;
}

/** What the agent would do to a release now. */
export interface ReleaseDiff {
  outlook: Outlook;
  /** What would change of its objects, and of the definitions of its chart. */
  objects: readonly ObjectDiff[];
  /** What others changed, and the agent would leave as it is. */
  left: readonly ObjectDiff[];
  /** In the order in which they would run. */
  hooks: readonly HookRun[];
  /** Whether it would do anything. */
  acts: boolean;
  /** What is to be told beside it, a sentence each. */
  notes: readonly string[];
}

/**
 * Foresees what a run of the agent would do to a release, and tries it by dry runs. Writes nothing.
 * @throws PlumbError `cancelled`, `api-unavailable`, `invalid-spec` for a release of another cluster, and what keeps the chart from being rendered
 */
export async function diffRelease(request: DiffReleaseRequest): Promise<ReleaseDiff> {
  const { declared, cluster, engine, signal } = request;
  const { release, desired, secrets } = declared;
  refuseElsewhere(release);
  const foreseen = await foreseeRelease(release, desired, { cluster, engine, signal });
  const found = await find(foreseen, request);
  const { built, objects, left = [], hooks = [], notes = [] } = found;
  const leaving = await leavingDiffs(foreseen, objects, request);
  const outlook = outlookOf(foreseen, { declared, built: built ?? null, differs: objects.length > 0 });
  return {
    outlook,
    objects: leaving.objects,
    left,
    hooks: [...leaving.hooks, ...hooks],
    acts: foreseen.steps.length > 0 || objects.length > 0,
    notes: [...notes, ...(built?.warnings ?? [])].map((note) => secrets.message(note)),
  };
}

/** What the last step would do. */
interface Found {
  built?: BuiltRelease;
  objects: readonly ObjectDiff[];
  left?: readonly ObjectDiff[];
  hooks?: readonly HookRun[];
  notes?: readonly string[];
}

function find(foreseen: Foreseen, request: DiffReleaseRequest): Promise<Found> {
  const { steps, end, here, target } = foreseen;
  const last = steps.at(-1);
  if (last === undefined && end === null) return findDrift(here.last, request);
  switch (last?.action) {
    case 'rollback':
      return target === null ? Promise.resolve({ objects: [] }) : findRollback(target, foreseen, request);
    case 'uninstall-remediation':
      return findRemoval(foreseen, request);
    case 'test':
      return Promise.resolve({ objects: [], hooks: testsOf(here.last?.record, request.declared.release) });
    case 'install':
      return findBringing('install', foreseen, request);
    default:
      // What was given up, or waits, shows what the next try would bring.
      return findBringing(isThere(here.last) ? 'upgrade' : 'install', foreseen, request);
  }
}

function isThere(last: StoredRelease | null): boolean {
  return last !== null && last.record.info.status !== 'uninstalled';
}

interface Bringing {
  action: 'install' | 'upgrade';
  crds: CrdPolicy;
  takeOwnership: boolean;
  createNamespace: boolean;
  force: boolean;
}

async function findBringing(
  action: 'install' | 'upgrade',
  { here }: Foreseen,
  request: DiffReleaseRequest,
): Promise<Found> {
  const { declared, room, engine, signal } = request;
  const { release, desired } = declared;
  const install = { ...installOptionsOf(release.spec), preserveValues: false, force: false };
  const upgrade = { ...upgradeOptionsOf(release.spec), createNamespace: false };
  const options = action === 'install' ? install : upgrade;
  const wish = wishOf({ last: here.last, before: action === 'upgrade' ? here.last : null }, options);
  const built = await buildRelease({ declared, wish, crds: options.crds, room, engine, signal });
  const record = { name: desired.wanted.releaseName, namespace: releaseNamespaceOf(release) };
  const owned = action === 'upgrade' ? here.owned : [];
  const { objects, notes } = await tryBuilt({ built, owned, record }, { ...options, action }, request);
  const around = options.hooks ? ([`pre-${action}`, `post-${action}`] as const) : [];
  const runs = around.flatMap((event) => runsOf(hookObjectsFor(built.hooks, event), event, built));
  const tests = testOptionsOf(release.spec).enable ? testObjects(built, release) : [];
  return { built, objects, hooks: [...runs, ...runsOf(tests, 'test', built)], notes };
}

interface Brought {
  built: BuiltRelease;
  owned: readonly ObjectKey[];
  record: Pick<ReleaseRecord, 'name' | 'namespace'>;
}

async function tryBuilt(
  { built, owned, record }: Brought,
  { action, crds, takeOwnership, createNamespace, force }: Bringing,
  { declared, cluster, signal }: DiffReleaseRequest,
): Promise<{ objects: ObjectDiff[]; notes: string[] }> {
  const { ref, release, secrets } = declared;
  const { objects } = built.rendered.bundle;
  const namespace = createNamespace ? await missingNamespace(releaseNamespaceOf(release), cluster, signal) : null;
  const coming = new Coming([...built.definitions, ...objects, ...(namespace === null ? [] : [{ body: namespace }])]);
  const trial: Trial = { cluster, ref, secrets, coming, force, setsIgnored: true, owns: ownedBy(record), signal };
  const foreign = { cluster, unit: { ref }, parallel: 1, signal };
  const refuse = (key: ObjectKey): Promise<void> =>
    refuseForeign(action, { keys: [key], known: owned }, record, foreign);
  const definitions = await tryObjects(built.definitions, trial);
  const stay = crds === 'CreateReplace' ? [] : definitions.filter(({ change }) => change === 'changed');
  const applied = await tryObjects(objects, takeOwnership ? trial : { ...trial, refuse });
  const gone = diffInventory(
    owned,
    objects.map(({ key }) => key),
  );
  return {
    objects: [
      ...definitions.filter((diff) => !stay.includes(diff)),
      ...(namespace === null ? [] : [diffOf(keyOf(namespace), 'created')]),
      ...applied,
      ...(await tryDeletions(gone, trial)),
    ],
    notes: stay.map(
      ({ key }) => `${displayKey(key)} is not what the chart has, and stays as it is (spec.${action}.crds: ${crds})`,
    ),
  };
}

async function missingNamespace(name: string, cluster: Cluster, signal: AbortSignal): Promise<KubeObject | null> {
  const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name };
  if ((await cluster.get(key, { signal })) !== null) return null;
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

async function findRollback(target: StoredRelease, { here }: Foreseen, request: DiffReleaseRequest): Promise<Found> {
  const { declared, cluster } = request;
  const { release } = declared;
  const options = rollbackOptionsOf(release.spec);
  await learnSecrets(here.last, request);
  const bundle = await bundleOfRecord(target.record, { release, cluster });
  const trial = trialOf(bundle, target.record, request);
  const applied = await tryObjects(bundle.objects, { ...trial, force: options.force, setsIgnored: true });
  const gone = diffInventory(
    here.owned,
    bundle.objects.map(({ key }) => key),
  );
  const around = options.hooks ? (['pre-rollback', 'post-rollback'] as const) : [];
  const hooks = around.flatMap((event) => recordRuns(target.record, event));
  return { objects: [...applied, ...(await tryDeletions(gone, trial))], hooks };
}

async function findRemoval({ here }: Foreseen, request: DiffReleaseRequest): Promise<Found> {
  if (here.last === null) return { objects: [] };
  return removal(here.last.record, here.owned, request);
}

/** What uninstalling a release would delete and run. */
async function removal(
  record: ReleaseRecord,
  owned: readonly ObjectKey[],
  request: DiffReleaseRequest,
): Promise<{ objects: ObjectDiff[]; hooks: HookRun[] }> {
  const objects = await tryDeletions(owned, trialOf({ objects: [] }, record, request));
  const around = uninstallOptionsOf(request.declared.release.spec).hooks
    ? (['pre-delete', 'post-delete'] as const)
    : [];
  return { objects, hooks: around.flatMap((event) => recordRuns(record, event)) };
}

/** A release that moved is uninstalled where it was first: what it owned goes, though it may come again. */
async function leavingDiffs(
  { left }: Foreseen,
  objects: readonly ObjectDiff[],
  request: DiffReleaseRequest,
): Promise<{ objects: readonly ObjectDiff[]; hooks: readonly HookRun[] }> {
  if (left === null || left.last === null) return { objects, hooks: [] };
  const { secrets } = request.declared;
  const gone = await removal(left.last.record, left.owned, request);
  const going = new Set(gone.objects.map(({ key }) => keyId(key)));
  const coming = new Set(objects.map(({ key }) => keyId(key)));
  const again = objects.map((diff) => {
    if (!going.has(keyId(diff.key)) || diff.change === 'failed') return diff;
    return diffOf(diff.key, 'recreated', 'the release it belongs to is uninstalled first');
  });
  const only = gone.objects.filter(({ key }) => !coming.has(keyId(secrets.key(key))));
  return { objects: [...only, ...again], hooks: gone.hooks };
}

/** Nothing is to be done but what others changed: the agent holds the objects to the record, not to the chart. */
async function findDrift(last: StoredRelease | null, request: DiffReleaseRequest): Promise<Found> {
  if (last === null) return { objects: [] };
  const { declared, cluster } = request;
  const { release } = declared;
  await learnSecrets(last, request);
  const bundle = await bundleOfRecord(last.record, { release, cluster });
  const drifted = await tryObjects(bundle.objects, trialOf(bundle, last.record, request));
  const mode = unitDriftMode(release);
  const rules = new Map(bundle.objects.map(({ key, body }) => [keyId(key), rulesOf(body, HELM_APPLY_MANAGER)]));
  const isCorrected = ({ key }: ObjectDiff): boolean => {
    const own = rules.get(keyId(key));
    return own !== undefined && driftModeFor(own, undefined, mode) === 'correct';
  };
  return { objects: drifted.filter(isCorrected), left: drifted.filter((diff) => !isCorrected(diff)) };
}

/**
 * What a record holds says nothing of where it comes from: the fields that Secrets have a part in show where the chart is rendered.
 * @throws PlumbError where that is not to be had, and there may be any
 */
async function learnSecrets(last: StoredRelease | null, request: DiffReleaseRequest): Promise<void> {
  const { declared, room, engine, signal } = request;
  const { crds, ...options } = upgradeOptionsOf(declared.release.spec);
  const wish = wishOf({ last, before: last }, options);
  await buildRelease({ declared, wish, crds, room, engine, signal }).catch((error: unknown) => {
    if (declared.leaves.length > 0) throw error;
  });
}

function trialOf(
  bundle: Pick<Bundle, 'objects'>,
  record: Pick<ReleaseRecord, 'name' | 'namespace'>,
  { declared, cluster, signal }: DiffReleaseRequest,
): Trial {
  const { ref, release, secrets } = declared;
  for (const { body } of bundle.objects) secrets.add(body);
  const { force } = upgradeOptionsOf(release.spec);
  return { cluster, ref, secrets, coming: new Coming(bundle.objects), force, owns: ownedBy(record), signal };
}

function runsOf(objects: readonly HookObject[], event: HookEvent, { secrets }: BuiltRelease): HookRun[] {
  return objects.map(({ hook, body, other }) => ({
    event,
    key: hookKey(secrets.hidden(body, other)),
    weight: hook.weight,
  }));
}

function testObjects({ hooks }: BuiltRelease, { spec }: HelmRelease): HookObject[] {
  const distinct = [...new Set(hooks.map(({ hook }) => hook))];
  const tests = new Set<HookLike>(testsFor(distinct, testOptionsOf(spec).filters));
  return hookObjectsFor(hooks, 'test').filter(({ hook }) => tests.has(hook));
}

function testsOf(record: ReleaseRecord | undefined, { spec }: HelmRelease): HookRun[] {
  if (record === undefined) return [];
  return testsFor(record.hooks ?? [], testOptionsOf(spec).filters).map((hook) => recordRun(hook, 'test', record));
}

function recordRuns(record: ReleaseRecord, event: HookEvent): HookRun[] {
  return hooksFor(record.hooks ?? [], event).map((hook) => recordRun(hook, event, record));
}

function recordRun({ kind = '', name = '', weight = 0 }: HookLike, event: HookEvent, record: ReleaseRecord): HookRun {
  return { event, key: { kind, namespace: record.namespace, name }, weight };
}
