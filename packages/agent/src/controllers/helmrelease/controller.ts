import type { HelmRelease, JsonObject, KubeObject, Said, UnitRef } from '@plumb/api';
import {
  asPlumbError,
  checkHelmRelease,
  EXTERNAL_ARTIFACT_KIND,
  HELM_APPLY_MANAGER,
  helmReleaseMessages as messages,
  say,
  systemError,
} from '@plumb/api';
import { backoffDelay, dependableId, dependenciesOf, OWNERSHIPS, unitDriftMode } from '@plumb/core';
import { ClusterNews } from '../../delivery/cluster-news.ts';
import type { News } from '../../delivery/clusters.ts';
import type { Destination } from '../../delivery/destination.ts';
import type { LiveChange } from '../../delivery/live.ts';
import { kubeConfigReference } from '../../delivery/remotes.ts';
import { unknownModeEvents } from '../../delivery/own-words.ts';
import { toldDrift } from '../../delivery/tolerate.ts';
import { leftDrift, standingDrift } from '../../releases/correct.ts';
import type { UnitUses } from '../../delivery/unit-uses.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import { configsOf } from '../../releases/values.ts';
import { addFinalizer } from '../../runtime/finalizer.ts';
import { isNews } from '../../runtime/flux-object.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Finisher } from '../../runtime/finisher.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { objectId, parseObjectId } from '../../runtime/flux-objects.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { KeyedQueue } from '../../runtime/queue.ts';
import { PRIORITY } from '../../runtime/queue.ts';
import type { Leave } from '../../runtime/shards.ts';
import type { StatusWriter } from '../../runtime/status-writer.ts';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import type { ConfigKey } from '../../runtime/watched-configs.ts';
import type { Hands } from './act.ts';
import { asBegun, begunWith } from './begun.ts';
import { carryOut } from './carry-out.ts';
import { decide, type Seen } from './decide.ts';
import { NO_FACTS, type Facts } from './facts.ts';
import { finalize, uninstallSaid } from './finalize.ts';
import { judgeAnew, noteGates } from './gate-news.ts';
import { keepHelmChart } from './helm-chart.ts';
import { ReleaseMemory } from './memory.ts';
import { dependencyVersion, findDependency, observeRelease } from './observe.ts';
import { noteBack, noteHealth } from './recovery.ts';
import { keptStatus, report } from './report.ts';
import { placeOf } from './see-release.ts';
import { sourceOf } from './source.ts';
import { event } from './task-report.ts';
import { readyMark, saidByUsers, sourceMark } from './wake-marks.ts';

export interface HelmReleaseControllerOptions {
  helmReleases: FluxObjects;
  kustomizations: FluxObjects;
  sources: SourceObjects;
  hands: Omit<Hands, 'onAnswer' | 'wake' | 'saveStatus' | keyof Leave>;
  writer: StatusWriter;
  finisher: Finisher;
  queue: () => KeyedQueue;
  clock: Clock;
  settings: Seen['settings'] & {
    jitterPercent: number;
    /** The only namespace whose units this agent acts on. */
    namespace?: string | undefined;
  };
}

const DELETION_BACKOFF = { min: 750, max: 5 * 60_000 };

/** What wakes a HelmRelease, and what a wake-up does. */
export class HelmReleaseController {
  readonly #options: HelmReleaseControllerOptions;
  readonly #hands: Omit<Hands, keyof Leave>;
  readonly #memories = new Map<string, ReleaseMemory>();
  readonly #units = new Map<string, UnitMemory>();
  readonly #clusterNews: ClusterNews;

  constructor(options: HelmReleaseControllerOptions) {
    this.#options = options;
    const { helmReleases, kustomizations, sources, finisher, queue, clock, settings } = options;
    this.#clusterNews = new ClusterNews({
      objects: helmReleases,
      ownership: OWNERSHIPS.HelmRelease,
      memories: this.#units,
      finisher,
      queue,
      clock,
      namespace: settings.namespace,
      onHealth: (id) => this.#memories.get(id)?.job?.nudge(),
    });
    this.#hands = {
      ...options.hands,
      saveStatus: async (release, status) => {
        if (await options.writer.write(idOf(release), status as JsonObject, { urgent: true })) return;
        throw systemError(
          'cancelled',
          `HelmRelease ${idOf(release)} is gone or not ours any more: nothing can be kept of it`,
        );
      },
      onAnswer: (unit, id) => this.#clusterNews.rejudge(unit, id),
      wake: (unit) => this.#wake(objectId(unit)),
    };
    helmReleases.listen((id, object, before) => this.#onObject(id, object, before));
    helmReleases.listenRewound(() => this.#onRewound());
    kustomizations.listen((id, object, before) => this.#onDependency(id, object, before));
    sources.listen((kind, id, object, before) => this.#onSource({ kind, id }, object, before));
    sources.listenAvailability((kind) => this.#onSourcesAvailable(kind));
  }

  onLive(change: LiveChange, destination: Destination): void {
    this.#clusterNews.onChange(change, destination);
    const owner = change.after?.owner;
    if (owner?.kind !== 'HelmRelease') return;
    const memory = this.#memories.get(objectId(owner));
    if (memory?.unit.destination !== destination) return;
    if (noteHealth(change, memory, destination.live)) this.#wake(objectId(owner));
  }

  onNews(destination: Destination, news: News): void {
    for (const [id, memory] of this.#memories) {
      if (news !== 'back' || memory.unit.destination !== destination) continue;
      if (noteBack(memory, this.#options.clock.now())) this.#wake(id);
    }
    this.#clusterNews.onNews(destination, news);
  }

  /** Releases of one remote cluster wait for each other, and for nobody else. */
  laneOf(id: string): string {
    const object = this.#find(id);
    const reference = object === undefined ? null : kubeConfigReference(object);
    if (reference === null) return '';
    const known = this.#memories.get(id)?.unit.destination?.id ?? '';
    return known === '' ? `${reference.kind}/${object?.metadata.namespace ?? ''}/${reference.name}` : known;
  }

  /** A labelled ConfigMap or Secret changed, came or went: the releases that use it run at once. */
  onConfig({ kind, namespace, name }: ConfigKey): void {
    for (const [id, { unit }] of this.#memories) {
      const object = unit.ref.namespace === namespace ? this.#find(id) : undefined;
      const references = object === undefined ? [] : configsOf(object);
      if (references.some((one) => one.kind === kind && one.name === name)) this.#wake(id);
    }
  }

  /** Something that gates are judged by has changed, of one release or of any. */
  onGates(unit: UnitRef | null): void {
    for (const [id, memory] of this.#memories) {
      if (unit !== null && (unit.kind !== 'HelmRelease' || objectId(unit) !== id)) continue;
      const object = this.#find(id);
      if (object !== undefined && noteGates(object, memory, this.#hands.gates)) this.#wake(id);
    }
  }

  /** The record of a release changed: ours wake nobody, for they are known. */
  onStored(namespace: string, name: string): void {
    for (const [id, memory] of this.#memories) {
      const object = this.#find(id);
      if (object === undefined || memory.known === null || memory.job !== null) continue;
      const place = placeOf(object, memory.reconciled?.wanted ?? null);
      if (place.namespace === namespace && place.name === name && this.#see(id, memory).isStorageNews) this.#wake(id);
    }
  }

  /** Objects that somebody changes again and again. */
  get driftLoops(): number {
    const now = this.#options.clock.now();
    return this.#memories.values().reduce((sum, { unit }) => sum + unit.fights.count(now), 0);
  }

  /** Objects whose drift is left as it is, and told. */
  get leftDrifted(): number {
    return this.#memories.values().reduce((sum, { unit }) => sum + toldDrift(unit).length, 0);
  }

  /** Notes the sources that releases use, and which of their artifacts. */
  noteUses(uses: Pick<UnitUses, 'kinds' | 'artifacts'>): void {
    for (const id of this.#options.helmReleases.ids()) {
      const release = this.#find(id);
      if (release?.spec === undefined) continue;
      const source = sourceOf(release);
      uses.kinds.add(source.kind);
      const digest = this.#options.sources.get(source.kind, objectId(source))?.status?.artifact?.digest;
      const name = `${source.kind}/${objectId(source)}`;
      const known = uses.artifacts.get(name) ?? { source, digests: new Set() };
      uses.artifacts.set(name, known);
      if (digest !== undefined) known.digests.add(digest);
    }
  }

  async run(id: string, leave: Leave): Promise<void> {
    try {
      await this.#run(id, leave);
    } finally {
      this.#clusterNews.wakeForNextDrift(id);
      this.#wakeForRetry(id);
    }
  }

  /** A correction of drift that failed is tried again before the interval is over. */
  #wakeForRetry(id: string): void {
    const { driftFailed, drifted } = this.#units.get(id) ?? {};
    if (driftFailed === undefined || driftFailed.count === 0 || (drifted?.size ?? 0) === 0) return;
    this.#options.queue().addAfter(id, Math.max(driftFailed.retryAt - this.#options.clock.now(), 0));
  }

  /** The release is another replica's now: what is known of it grows old, and what is under way for it ends. */
  drop(id: string): void {
    const memory = this.#memories.get(id);
    if (memory !== undefined) this.#forget(id, memory);
  }

  async #run(id: string, leave: Leave): Promise<void> {
    const { clock } = this.#options;
    const hands: Hands = { ...this.#hands, ...leave };
    const startedAt = clock.now();
    const memory = await this.#memoryOf(id);
    judgeAnew(memory);
    const troubled = await this.#prepare(id, memory, hands);
    const seen = this.#see(id, memory);
    const { object } = seen;
    const step = decide(seen);
    if (step.do === 'forget' || object === undefined) return this.#forget(id, memory);
    if (step.do === 'rest') return;
    if (step.do === 'finalize') return this.#finalize(object, memory, hands);
    this.#tellUnknownModes(object, memory.unit);
    if (step.do !== 'await') memory.unit.awaitingSince = null;
    if (step.do === 'idle') return this.#options.queue().addAfter(id, step.after);
    const begun = begunWith(object, step, memory);
    const work = { memory, hands, inputs: seen.inputs };
    const outcome = troubled ?? (await carryOut(asBegun(object, begun), step, work));
    if (hands.signal.aborted && outcome.type !== 'done') return;
    this.#finish({ id, begun }, memory, outcome, clock.now() - startedAt);
  }

  /** What a decision needs of others: sources in view, the HelmChart made, expressions evaluated. */
  async #prepare(id: string, memory: ReleaseMemory, hands: Hands): Promise<Outcome<Facts> | null> {
    const { sources, settings, helmReleases } = this.#options;
    const object = this.#find(id);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined || object.spec.suspend === true)
      return null;
    if (!checkHelmRelease(object).ok) return null;
    const { kind, namespace } = sourceOf(object);
    const isOpen = kind !== EXTERNAL_ARTIFACT_KIND || settings.externalArtifacts;
    if (isOpen) sources.need(kind);
    if (configsOf(object).length > 0) await this.#hands.configs.ready();
    await memory.unit.expressions.refresh(object, helmReleases.version(id), {
      expressions: this.#hands.expressions,
      find: (other) => findDependency(other, this.#options),
      version: (other) => dependencyVersion(other, this.#options),
      signal: hands.signal,
    });
    const isForbidden = namespace !== object.metadata.namespace && !settings.crossNamespaceRefs;
    if (isForbidden || memory.job !== null) return null;
    return this.#keepChart(object, memory, hands);
  }

  /** @returns how the run ends where the HelmChart could not be made */
  async #keepChart(object: HelmRelease, memory: ReleaseMemory, hands: Hands): Promise<Outcome<Facts> | null> {
    const { sources, clock } = this.#options;
    try {
      // What is made has to go with the release, whatever becomes of it until then.
      if (object.spec.chart !== undefined) {
        await addFinalizer(object as KubeObject, { ...hands, fieldManager: HELM_APPLY_MANAGER });
      }
      const making = { cluster: hands.cluster, sources, signal: hands.signal };
      memory.helmChart = await keepHelmChart(object, memory, making);
      return null;
    } catch (thrown) {
      const error = asPlumbError(thrown);
      if (error.code === 'cancelled') throw error;
      const { namespace, name } = sourceOf(object);
      const said = say(messages.helmChartFailed, { chart: `${namespace}/${name}`, error: error.message });
      const count = (memory.failed?.count ?? 0) + 1;
      const after = Math.max(error.retryAfter ?? 0, backoffDelay(count, clock.random(), DELETION_BACKOFF));
      memory.failed = { said, inputs: '', retryAt: clock.now() + after, count };
      return { type: 'retry', facts: NO_FACTS, said, after };
    }
  }

  /** @param took milliseconds */
  #finish(
    { id, begun }: { id: string; begun: HelmRelease },
    memory: ReleaseMemory,
    outcome: Outcome<Facts>,
    took: number,
  ): void {
    const { clock, finisher } = this.#options;
    // The run may have written status meanwhile: report on what stands now.
    const current = this.#find(id);
    if (current === undefined) return;
    const told = asBegun(current, begun);
    const mode = unitDriftMode(current);
    const driftOf = outcome.type === 'retry' ? standingDrift : leftDrift;
    const drifted = memory.unit.bundle === null ? undefined : driftOf(memory.unit, mode, clock.now());
    const moment = { now: clock.time(), interval: this.#see(id, memory).interval, drifted };
    const status = withHelmChart(outcome.facts.status ?? told.status, memory.helmChart);
    const all = { ...outcome, facts: { ...outcome.facts, status } };
    this.#tellUnknownModes(current, memory.unit);
    finisher.finish(id, told as KubeObject, report(told, all, moment), took / 1_000);
    // What was asked for while an action was under way comes next.
    if (outcome.type !== 'again' && isNews(begun, current)) this.#wake(id, PRIORITY.request);
  }

  #tellUnknownModes(object: HelmRelease, unit: UnitMemory): void {
    for (const one of unknownModeEvents(object, unit)) this.#options.finisher.say(object as KubeObject, one);
  }

  async #finalize(object: HelmRelease, memory: ReleaseMemory, hands: Hands): Promise<void> {
    const { finisher, queue, clock } = this.#options;
    const id = idOf(object);
    memory.underway = null;
    if (memory.task !== null) memory.job?.cancel(systemError('cancelled', 'the release is being deleted'));
    memory.task = null;
    let said: readonly Said[];
    let next: 'gone' | 'retry' | 'wait' = 'retry';
    try {
      const finalized = await finalize(object, { memory, hands });
      next = finalized.next;
      const { ended } = finalized;
      said = ended === null ? finalized.said : [...finalized.said, ...uninstallSaid(ended)];
    } catch (thrown) {
      if (hands.signal.aborted) return;
      said = [say(messages.stateFailed, { error: asPlumbError(thrown).message })];
    }
    if (next === 'wait') return;
    const text = said.map((one) => one.text).join('\n');
    if (text !== memory.unit.deletion.told || next === 'gone') {
      for (const one of said) finisher.say(object as KubeObject, event(one, undefined, null));
    }
    const [first] = said;
    if (next === 'retry' && first !== undefined && text !== memory.unit.deletion.told) {
      const status = keptStatus(this.#find(id) ?? object, first, clock.time());
      this.#options.writer.write(id, status as JsonObject).catch(() => undefined);
    }
    if (next === 'gone') return this.#forget(id, memory);
    const count = memory.unit.deletion.count + 1;
    memory.unit.deletion = { count, told: text };
    queue().addAfter(id, backoffDelay(count, clock.random(), DELETION_BACKOFF));
  }

  #see(id: string, memory: ReleaseMemory): Seen {
    const { helmReleases, kustomizations, sources, clock, settings } = this.#options;
    const { configs, storage } = this.#hands;
    const eyes = { helmReleases, kustomizations, sources, configs, storage, settings };
    return observeRelease(id, memory, { ...eyes, now: clock.now(), random: clock.random() });
  }

  #find(id: string): HelmRelease | undefined {
    return this.#options.helmReleases.get(id) as HelmRelease | undefined;
  }

  #forget(id: string, memory: ReleaseMemory): void {
    this.#memories.delete(id);
    this.#units.delete(id);
    memory.job?.cancel(systemError('cancelled', 'the release is not ours any more'));
    this.#letGo(memory.unit);
  }

  #letGo(unit: UnitMemory): void {
    this.#hands.clusters.release(unit.uid);
    this.#hands.records?.forget(unit);
    if (unit.bundle !== null) this.#hands.packs.drop(unit.bundle.pack);
  }

  async #memoryOf(id: string): Promise<ReleaseMemory> {
    const object = this.#find(id);
    const known = this.#memories.get(id);
    // An object of the same name that was deleted and made anew is another unit.
    if (known !== undefined && (object === undefined || known.unit.uid === object.metadata.uid)) return known;
    if (known !== undefined) this.#forget(id, known);
    const memory = new ReleaseMemory({ kind: 'HelmRelease', ...parseObjectId(id) }, object?.metadata.uid ?? '');
    await this.#hands.records?.recall(memory.unit);
    this.#memories.set(id, memory);
    this.#units.set(id, memory.unit);
    return memory;
  }

  #onObject(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    if (object === undefined || before === undefined || isNews(before, object)) this.#wake(id, PRIORITY.request);
    else if (this.#isAwaiting(id) && saidByUsers(before) !== saidByUsers(object)) this.#wake(id);
    this.#onDependency(dependableId({ kind: 'HelmRelease', ...parseObjectId(id) }), object, before);
  }

  #isAwaiting(id: string): boolean {
    return (this.#memories.get(id)?.unit.awaitingSince ?? null) !== null;
  }

  /** Readiness wakes whoever depends on it; any other change those that wait with a readyExpr, which may ask for anything. */
  #onDependency(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    const isTurn = readyMark(object) !== readyMark(before);
    for (const unit of isTurn ? this.#options.helmReleases.ids() : this.#memories.keys()) {
      const memory = this.#memories.get(unit);
      if (!isTurn && !(this.#isAwaiting(unit) && memory?.unit.expressions.judges(id) === true)) continue;
      const dependant = this.#find(unit);
      if (isTurn && !dependsOn(dependant, id)) continue;
      if (memory !== undefined) memory.changed = true;
      this.#wake(unit);
    }
  }

  /** What was done since is lost with the status that told of it: every release is looked at again. */
  #onRewound(): void {
    for (const [id, memory] of this.#memories) {
      memory.reconciled = null;
      memory.known = null;
      memory.failed = null;
      memory.chart = null;
      this.#wake(id);
    }
  }

  #onSource(
    source: { kind: string; id: string },
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ): void {
    if (sourceMark(object) === sourceMark(before)) return;
    for (const id of this.#options.helmReleases.ids()) {
      const release = this.#find(id);
      const ref = release?.spec === undefined ? null : sourceOf(release);
      if (ref !== null && ref.kind === source.kind && objectId(ref) === source.id) this.#wake(id);
    }
  }

  #onSourcesAvailable(kind: string): void {
    for (const [id, { unit }] of this.#memories) {
      if (unit.awaitingSince !== null && kindOf(this.#find(id)).includes(kind)) this.#wake(id);
    }
  }

  #wake(id: string, priority: (typeof PRIORITY)[keyof typeof PRIORITY] = PRIORITY.routine): void {
    this.#options.queue().add(id, priority);
  }
}

function withHelmChart(status: HelmRelease['status'], helmChart: string | undefined): HelmRelease['status'] {
  if (helmChart === undefined || helmChart === (status?.helmChart ?? '')) return status;
  const { helmChart: _before, ...rest } = status ?? {};
  return helmChart === '' ? rest : { ...rest, helmChart };
}

function idOf(object: HelmRelease): string {
  return objectId({ namespace: object.metadata.namespace ?? '', name: object.metadata.name });
}

function kindOf(release: HelmRelease | undefined): string[] {
  return release?.spec === undefined ? [] : [sourceOf(release).kind];
}

function dependsOn(release: HelmRelease | undefined, id: string): boolean {
  return release !== undefined && dependenciesOf(release).some((dependency) => dependency.id === id);
}
