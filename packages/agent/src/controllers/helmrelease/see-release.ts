import type { HelmRelease, HelmReleaseStatus, JsonObject } from '@plumb/api';
import { FORCE_AT_ANNOTATION, parseJson, RESET_AT_ANNOTATION } from '@plumb/api';
import {
  adoptedStatus,
  fallbacksIn,
  hasFailedTest,
  ignoresTestFailures,
  inventoryOf,
  isPending,
  latestSnapshot,
  parseInventoryEntry,
  previousSnapshot,
  storageNamespaceOf,
  targetChanged,
  unionOfKeys,
  unitDriftMode,
  withKeptValues,
} from '@plumb/core';
import type { ReleaseFacts, WantedRelease } from '@plumb/core';
import { actingAs } from '../../delivery/acting-as.ts';
import { siteOf } from '../../delivery/approach.ts';
import { driftToLookAt } from '../../releases/correct.ts';
import { bundleIn } from '../../releases/in-force.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import { kubeConfigReference } from '../../delivery/remotes.ts';
import type { ActionContext, Waiting } from '../../releases/context.ts';
import { isGoverned, type ReleaseGates } from '../../releases/gate.ts';
import { releaseName } from '../../releases/wanted.ts';
import { digestOfValues, lastOf, snapshotOf } from '../../releases/snapshots.ts';
import { takesSecrets } from '../../releases/values.ts';
import { markIn, markOf, ReleaseStore, type ReleaseEntry, type StoredRelease } from '../../releases/storage.ts';
import type { StoredEntry } from '../../releases/stored-releases.ts';
import { contentOf, isStrange, isVouchedFor, vouchFor } from '../../releases/vouched.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import type { Hands } from './act.ts';
import type { KnownRelease, ReleaseMemory, Underway } from './memory.ts';
import { sourceOf } from './source.ts';

/** What looking at a release takes. */
export interface Sight extends Pick<
  Hands,
  'cluster' | 'over' | 'clock' | 'engine' | 'signal' | 'defaultServiceAccount' | 'gates' | 'records'
> {
  clusters: Pick<Hands['clusters'], 'own'>;
  storage: Pick<Hands['storage'], 'ready' | 'entries' | 'note'>;
}

interface Context {
  memory: ReleaseMemory;
  hands: Sight;
}

/** What a decision is made from, and the newest record for whoever acts on it. */
export interface Sighted {
  facts: ReleaseFacts;
  /** Reads the newest record, once. */
  last: () => Promise<StoredRelease | null>;
  known: KnownRelease;
  /** As the facts have it. */
  isDoubted: boolean;
  /** Records in storage; null where that is not known. */
  count: number | null;
}

/** Where a release is stored, and its name there: where it was, while it moves away. */
interface Place {
  namespace: string;
  name: string;
}

export function placeOf(release: HelmRelease, wanted: Pick<WantedRelease, 'releaseName' | 'chartName'> | null): Place {
  const latest = latestSnapshot(release.status?.history);
  const moved = wanted !== null && targetChanged(release, wanted) !== null;
  if (moved && latest !== undefined) return { namespace: release.status?.storageNamespace ?? '', name: latest.name };
  return { namespace: storageNamespaceOf(release), name: releaseName(release) };
}

/** What the agent's own cluster is known to have of a release; undefined where nobody watches. */
export function entriesOf(
  release: HelmRelease,
  place: Place,
  { storage }: Pick<Sight, 'storage'>,
): StoredEntry[] | undefined {
  return release.spec.kubeConfig === undefined ? storage.entries(place.namespace, place.name) : undefined;
}

/** Where nobody watches what is stored, what is known of it is as old as the last look. */
export function forgetUnwatched(
  release: HelmRelease,
  { memory, hands }: { memory: ReleaseMemory; hands: Pick<Sight, 'storage'> },
): void {
  const place = placeOf(release, memory.underway?.desired.wanted ?? null);
  if (entriesOf(release, place, hands) === undefined) memory.known = null;
}

/** Names the newest record as it is; empty where there is none. */
export function newestMark([newest]: readonly ReleaseEntry[]): string {
  return newest === undefined ? '' : markOf(newest);
}

/** How long a release that somebody else works on, such as a person with helm, is left alone. Milliseconds. */
const FOREIGN_WORK = 10 * 60_000;

export async function factsOf(release: HelmRelease, underway: Underway, context: Context): Promise<Sighted> {
  const { memory, hands } = context;
  const { wanted } = underway.desired;
  const place = placeOf(release, wanted);
  const { store, entries, read, known, isDoubted } = await lookAt(release, place, context);
  const facts: ReleaseFacts = {
    release,
    last: known.last,
    wanted: { ...wanted, ...(await recordedDigest(release, known, read, context)) },
    doubted: isDoubted,
    held: isHeld(known, entries?.[0], context),
    drifted: driftOf(release, memory, hands.clock.now()),
    ...(await targetsOf(release, { known, entries, store, place }, context)),
    ...requests(release),
    changedSinceExhausted: hasChangedSince(memory, underway),
    sinceLastTry: sinceLastTry(release, context),
    done: underway.done,
  };
  return { facts, last: read, known, isDoubted, count: entries?.length ?? null };
}

/** What is stored of a release at a place. */
interface Look {
  store: ReleaseStore;
  /** Null where nobody lists them anew. */
  entries: readonly ReleaseEntry[] | null;
  /** Reads the newest record, once. */
  read: () => Promise<StoredRelease | null>;
  known: KnownRelease;
  isDoubted: boolean;
}

async function lookAt(release: HelmRelease, place: Place, context: Context): Promise<Look> {
  const { memory, hands } = context;
  if (release.spec.kubeConfig === undefined) await hands.storage.ready();
  const store = storeOf(release, place.namespace, context);
  const watched = entriesOf(release, place, hands);
  const isCurrent = memory.known !== null && (watched === undefined || newestMark(watched) === memory.known.mark);
  const entries = isCurrent ? (watched ?? null) : (watched ?? (await store.list(place.name)));
  const read = reading(place, entries, { store, memory });
  if (!isCurrent && entries !== null) {
    const before = memory.known?.snapshot?.digest;
    const known = await knownOf(release, entries, read, context);
    // Its number and its time may be the same, and all else not.
    memory.isEdited ||= before !== undefined && known.snapshot?.digest !== before;
    memory.known = known;
  }
  const known = memory.known ?? { last: null, snapshot: null, mark: '', content: null };
  return { store, entries, read, known, isDoubted: await isDoubted(release, known, context) };
}

/**
 * Whether others made or edited the record in force, where a policy governs the release. One that the agent knows nothing against is believed, and known from
 * then on: as it was found, or as others made it while no policy was there.
 */
async function isDoubted(
  release: HelmRelease,
  { last, content }: KnownRelease,
  { memory: { unit }, hands }: Context,
): Promise<boolean> {
  if (last?.status !== 'deployed' || content === null || isVouchedFor(unit, last, content)) return false;
  const { gates, records } = hands;
  const subject = gates && { ...subjectOf(release, unit), keeper: gates };
  if (isStrange(unit, { named: last, content }, release.status?.history) && (await isGoverned(subject))) return true;
  vouchFor(unit, last, content);
  records?.note(unit);
  return false;
}

/** The release that is in force, by the status, whatever is declared by now; null where none is known to be. */
export async function inForceOf(release: HelmRelease, context: Context): Promise<Omit<Look, 'entries'> | null> {
  const { history, storageNamespace = '' } = release.status ?? {};
  const latest = latestSnapshot(history);
  if (latest === undefined || storageNamespace === '') return null;
  const look = await lookAt(release, { namespace: storageNamespace, name: latest.name }, context);
  return look.known.last?.status === 'deployed' ? look : null;
}

export function storeOf(
  release: HelmRelease,
  namespace: string,
  { memory, hands }: Context,
  signal = hands.signal,
): ReleaseStore {
  const site = siteOf({ memory: memory.unit, hands });
  const cluster = actingAs(release, { ...hands, cluster: site.cluster });
  const isWatched = release.spec.kubeConfig === undefined;
  return new ReleaseStore({
    cluster,
    namespace,
    clock: hands.clock,
    signal,
    ...(isWatched ? { onWrite: (metadata) => hands.storage.note(metadata) } : {}),
  });
}

/** Reads the newest record once, when somebody needs it. */
function reading(
  { name }: Place,
  entries: readonly ReleaseEntry[] | null,
  { store, memory }: { store: ReleaseStore; memory: ReleaseMemory },
): () => Promise<StoredRelease | null> {
  let found: Promise<StoredRelease | null> | null = null;
  const version = entries === null ? memory.known?.last?.version : entries[0]?.version;
  return () => (found ??= version === undefined ? Promise.resolve(null) : store.get(name, version));
}

async function knownOf(
  release: HelmRelease,
  entries: readonly ReleaseEntry[],
  read: () => Promise<StoredRelease | null>,
  { hands }: Context,
): Promise<KnownRelease> {
  const stored = await read();
  if (stored === null) return { last: null, snapshot: null, mark: newestMark(entries), content: null };
  const { record } = stored;
  const before = release.status?.history?.find(
    ({ version, name, namespace }) =>
      version === record.version && name === record.name && namespace === record.namespace,
  );
  const digesting = { engine: hands.engine, release, lasting: hands.signal };
  const ociDigest = before?.ociDigest;
  const snapshot = await snapshotOf(record, ociDigest === undefined ? {} : { ociDigest }, digesting);
  return { last: lastOf(stored, snapshot), snapshot, mark: markIn(stored), content: contentOf(record) };
}

/** Only a release in force is compared with what is declared: the values that it was made with are then the ones that are kept. */
async function recordedDigest(
  { spec }: HelmRelease,
  { last }: KnownRelease,
  read: () => Promise<StoredRelease | null>,
  { memory, hands }: Context,
): Promise<Pick<WantedRelease, 'recordedDigest'>> {
  if (spec.upgrade?.preserveValues !== true || last?.status !== 'deployed') return {};
  const [stored, declared] = [await read(), memory.underway?.desired.values.json];
  if (stored === null || declared === undefined) return {};
  const merged = withKeptValues(parseJson(declared) as JsonObject, stored.record.config ?? {});
  const bounds = { tenant: memory.unit.ref.namespace, signal: hands.signal };
  return { recordedDigest: await digestOfValues(merged, { engine: hands.engine, ...bounds }) };
}

/** Whether anything that a release depends on changed since its retries were spent, and be it only what its chart is made of. */
function hasChangedSince({ isExhausted, changed, failed }: ReleaseMemory, { inputs }: Underway): boolean {
  return isExhausted && (changed || failed?.inputs !== inputs);
}

/** Ours nobody else works on: the leave to work on the release is ours alone. */
function isHeld(known: KnownRelease, newest: ReleaseEntry | undefined, { hands }: Context): boolean {
  if (known.last === null || newest === undefined || !isPending(known.last.status) || newest.isOurs) return false;
  return hands.clock.time() - newest.writtenAt < FOREIGN_WORK;
}

function driftOf(release: HelmRelease, { unit }: ReleaseMemory, now: number): ReleaseFacts['drifted'] {
  if (now < unit.driftFailed.retryAt) return null;
  return driftToLookAt(unit, unitDriftMode(release), now).size > 0 ? 'correct' : null;
}

/** After a restart the status tells: what failed last was deployed, or tried to be, at a time that its snapshot has. */
function sinceLastTry({ status }: HelmRelease, { memory, hands }: Context): number {
  if (memory.triedAt !== null) return hands.clock.now() - memory.triedAt;
  const at = Date.parse(latestSnapshot(status?.history)?.lastDeployed ?? '');
  return Number.isNaN(at) ? Infinity : Math.max(hands.clock.time() - at, 0);
}

interface Stored {
  known: KnownRelease;
  entries: readonly ReleaseEntry[] | null;
  store: ReleaseStore;
  place: Place;
}

/** What a rollback could go to: looked at only where one may come. */
async function targetsOf(
  release: HelmRelease,
  { known, entries, store, place }: Stored,
  { hands }: Context,
): Promise<Pick<ReleaseFacts, 'target' | 'fallback'>> {
  const { last } = known;
  const { history } = release.status ?? {};
  if (last === null || (last.status !== 'failed' && !hasFailedTest(latestSnapshot(history))))
    return { target: 'none', fallback: null };
  const digestOf = async (version: number): Promise<string | null> => {
    const stored = await store.get(place.name, version);
    const ociDigest = history?.find((snapshot) => snapshot.version === version)?.ociDigest;
    const digesting = { engine: hands.engine, release, lasting: hands.signal };
    return stored && (await snapshotOf(stored.record, ociDigest === undefined ? {} : { ociDigest }, digesting)).digest;
  };
  const ignoresTests = ignoresTestFailures(release);
  const previous = previousSnapshot(history, ignoresTests);
  const digest = previous === undefined ? null : await digestOf(previous.version);
  if (previous !== undefined && digest === previous.digest) return { target: 'there', fallback: null };
  const target = previous === undefined ? 'none' : digest === null ? 'missing' : 'changed';
  for (const one of fallbacksIn(entries ?? (await store.list(place.name)), last, history, ignoresTests)) {
    if (one.digest === null || one.digest === (await digestOf(one.version))) return { target, fallback: one.version };
  }
  return { target, fallback: null };
}

/** Requests that were not handled yet; each counts where it equals the request for a run (helm-controller api/v2/annotations.go). */
function requests(release: HelmRelease): Pick<ReleaseFacts, 'forceRequested' | 'resetRequested'> {
  const { annotations = {} } = release.metadata;
  const { status } = release;
  const token = requestedAt(release);
  const isAsked = (annotation: string, handled: string | undefined): boolean =>
    token !== undefined && annotations[annotation] === token && handled !== token;
  return {
    forceRequested: isAsked(FORCE_AT_ANNOTATION, status?.lastHandledForceAt),
    resetRequested: isAsked(RESET_AT_ANNOTATION, status?.lastHandledResetAt),
  };
}

/** Takes over a record that was not known as it is. */
export async function adopted(
  release: HelmRelease,
  { last, known: { snapshot }, facts }: Sighted,
  { memory, hands }: Context,
): Promise<{ status: HelmReleaseStatus; bundle: StoredBundle | null }> {
  const stored = await last();
  if (stored === null || snapshot === null) return { status: {}, bundle: null };
  const { cluster } = siteOf({ memory: memory.unit, hands });
  const isInForce = stored.record.info.status === 'deployed';
  const known = isInForce ? memory.unit.bundle : null;
  const bundle = known ?? (await bundleIn(stored, { release, cluster }));
  const keys = bundle.objects.map(({ key }) => key);
  // Only one that is in force has let go of all that others before it made.
  const owned = isInForce
    ? keys
    : unionOfKeys((release.status?.inventory?.entries ?? []).map(parseInventoryEntry), keys);
  return {
    status: { ...adoptedStatus(facts, snapshot), inventory: { entries: inventoryOf(owned) } },
    bundle: isInForce ? bundle : null,
  };
}

export function gatesOf(release: HelmRelease, { unit, underway }: ReleaseMemory, hands: Hands): ReleaseGates | null {
  if (hands.gates === null) return null;
  const revision = underway?.desired.chart.version ?? release.status?.lastAttemptedRevision ?? '';
  return { ...subjectOf(release, unit), keeper: hands.gates, revision, cluster: hands.cluster };
}

/** What gates ask of the release itself. */
export function subjectOf(
  release: HelmRelease,
  unit: UnitMemory,
): Omit<ReleaseGates, 'keeper' | 'revision' | 'cluster'> {
  const { name, namespace = '', uid = '', labels = {} } = release.metadata;
  return {
    ref: { kind: 'HelmRelease', namespace, name },
    uid,
    labels,
    source: sourceOf(release),
    asked: requestedAt(release) ?? '',
    clusterName: kubeConfigReference(release)?.name ?? 'own',
    place: unit.place ?? '',
  };
}

/** What an action works with. */
export function actionContext(
  release: HelmRelease,
  parts: Pick<ActionContext, 'announce' | 'secrets'> & {
    memory: ReleaseMemory;
    hands: Hands;
    job: Waiting;
    lasting: AbortSignal;
    cancelled: AbortSignal;
  },
): ActionContext {
  const { memory, hands, job, announce, secrets, lasting, cancelled } = parts;
  const { unit, underway } = memory;
  const site = siteOf({ memory: unit, hands });
  const { namespace } = placeOf(release, underway?.desired.wanted ?? null);
  return {
    release,
    unit,
    cluster: actingAs(release, { ...hands, cluster: site.cluster }),
    live: site.live,
    store: storeOf(release, namespace, parts, lasting),
    engine: hands.engine,
    expressions: hands.expressions,
    clock: hands.clock,
    parallel: hands.parallel,
    stageTimeout: hands.stageTimeout,
    secrets,
    hidesValues: secrets.length > 0 || takesSecrets(release),
    job,
    gates: gatesOf(release, memory, hands),
    signal: AbortSignal.any([lasting, cancelled]),
    lasting,
    announce,
    vouch: async (record) => {
      vouchFor(unit, record, contentOf(record));
      hands.records?.note(unit);
      await hands.records?.flush();
    },
    onAnswer: (id) => hands.onAnswer(unit, id),
  };
}
