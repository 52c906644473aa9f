import type { Kustomization, KubeObject, UnitRef } from '@plumb/api';
import {
  checkKustomization,
  eventType,
  EXTERNAL_ARTIFACT_KIND,
  HELM_RELEASE,
  kustomizationMessages as messages,
  printJson,
  say,
  systemError,
} from '@plumb/api';
import type { Dependable } from '@plumb/core';
import { dependableId, dependenciesOf, OWNERSHIPS } from '@plumb/core';
import type { LiveChange } from '../../delivery/live.ts';
import { ClusterNews } from '../../delivery/cluster-news.ts';
import type { News } from '../../delivery/clusters.ts';
import type { Destination } from '../../delivery/destination.ts';
import { configsOf } from '../../delivery/references.ts';
import { kubeConfigReference } from '../../delivery/remotes.ts';
import { unknownModeEvents } from '../../delivery/own-words.ts';
import { toldDrift } from '../../delivery/tolerate.ts';
import { noteUse, type UnitUses } from '../../delivery/unit-uses.ts';
import { UnitMemory } from '../../delivery/unit.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Finisher } from '../../runtime/finisher.ts';
import type { FluxObjects } from '../../runtime/flux-objects.ts';
import { objectId, parseObjectId } from '../../runtime/flux-objects.ts';
import type { OnDemandObjects } from '../../runtime/on-demand-objects.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { KeyedQueue } from '../../runtime/queue.ts';
import { PRIORITY } from '../../runtime/queue.ts';
import type { Leave } from '../../runtime/shards.ts';
import type { SourceObjects } from '../../runtime/source-objects.ts';
import type { StatusWriter } from '../../runtime/status-writer.ts';
import { isNews } from '../../runtime/flux-object.ts';
import type { ConfigKey } from '../../runtime/watched-configs.ts';
import type { Hands } from './act.ts';
import { actDeliver, unitRef } from './act.ts';
import { findUnit, isRemovedBy } from './beside.ts';
import type { Seen, Step } from './decide.ts';
import { decide } from './decide.ts';
import type { Facts } from './facts.ts';
import { NOTHING } from './facts.ts';
import { paceOf } from './deletion-pace.ts';
import { finalize } from './finalize.ts';
import { dependencyVersion, findDependency, observeUnit, sourceId } from './observe.ts';
import { subjectOf } from './gate.ts';
import { isHeld, judgeAnew } from './gate-news.ts';
import { progressStatus, report } from './report.ts';
import { actSettle } from './wait.ts';

export interface KustomizationControllerOptions {
  kustomizations: FluxObjects;
  sources: SourceObjects;
  helmReleases: OnDemandObjects;
  hands: Omit<Hands, 'saveProgress' | 'onAnswer' | 'unitNamed' | keyof Leave>;
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

const TELL_WAIT_AFTER = 1_000;

/** What wakes a Kustomization, and what a wake-up does. */
export class KustomizationController {
  readonly #options: KustomizationControllerOptions;
  readonly #hands: Omit<Hands, keyof Leave>;
  readonly #memories = new Map<string, UnitMemory>();
  /** Deliveries under way, which a lockdown ends. */
  readonly #delivering = new Map<string, AbortController>();
  /** Ends the runs that began before the server went back. */
  #rewound = new AbortController();
  readonly #clusterNews: ClusterNews;

  constructor(options: KustomizationControllerOptions) {
    this.#options = options;
    const { kustomizations, finisher, queue, clock, settings } = options;
    const memories = this.#memories;
    this.#clusterNews = new ClusterNews({
      objects: kustomizations,
      ownership: OWNERSHIPS.Kustomization,
      memories,
      finisher,
      queue,
      clock,
      namespace: settings.namespace,
    });
    this.#hands = {
      ...options.hands,
      saveProgress: async (object, facts) => {
        const status = progressStatus(object, facts, options.clock.time());
        if (await options.writer.write(idOf(object), status, { urgent: true })) return;
        // Deleted at the very moment its finalizer was added: what is applied now nobody would ever delete (I4).
        const text = `Kustomization ${idOf(object)} is gone or not ours any more: its inventory cannot be kept`;
        throw systemError('cancelled', text);
      },
      onAnswer: (unit, id) => this.#clusterNews.rejudge(unit, id),
      unitNamed: (ref) => findUnit(ref, { ...options, memories }),
    };
    options.kustomizations.listen((id, object, before) => this.#onObject(id, object, before));
    options.sources.listen((kind, id, object, before) => this.#onSource({ kind, id }, object, before));
    options.sources.listenAvailability((kind) => this.#onSourcesAvailable(kind));
    options.kustomizations.listenRewound(() => this.#onRewound());
    options.helmReleases.listen((id, object, before) => this.#onHelmRelease(id, object, before));
    options.helmReleases.listenAvailability(() => this.#onHelmReleasesAvailable());
  }

  onLive(change: LiveChange, destination: Destination): void {
    this.#clusterNews.onChange(change, destination);
  }

  onNews(destination: Destination, news: News): void {
    this.#clusterNews.onNews(destination, news);
  }

  /** Units of one remote cluster wait for each other, and for nobody else. */
  laneOf(id: string): string {
    const object = this.#options.kustomizations.get(id) as Kustomization | undefined;
    const reference = object === undefined ? null : kubeConfigReference(object);
    if (reference === null) return '';
    const known = this.#memories.get(id)?.destination?.id ?? '';
    return known === '' ? `${reference.kind}/${object?.metadata.namespace ?? ''}/${reference.name}` : known;
  }

  /** A labelled ConfigMap or Secret changed, came or went: the units that use it run at once. */
  onConfig({ kind, namespace, name }: ConfigKey): void {
    for (const [id, { ref }] of this.#memories) {
      if (ref.namespace !== namespace) continue;
      const object = this.#options.kustomizations.get(id) as Kustomization | undefined;
      const references = object === undefined ? [] : configsOf(object);
      if (references.some((reference) => reference.kind === kind && reference.name === name)) this.#wake(id);
    }
  }

  /** Something that gates are judged by has changed, of one unit or of any: what is held is judged again, what is locked stops. */
  onGates(unit: UnitRef | null): void {
    const { kustomizations } = this.#options;
    for (const [id, memory] of this.#memories) {
      if (unit !== null && (unit.kind !== 'Kustomization' || objectId(unit) !== id)) continue;
      const object = kustomizations.get(id) as Kustomization | undefined;
      if (object === undefined) continue;
      const delivering = this.#delivering.get(id);
      if (delivering !== undefined && this.#hands.gates?.isLocked(subjectOf(object, memory), null) === true)
        delivering.abort();
      // What is being judged may not have seen it.
      memory.judgeAgain = isHeld(memory) || delivering !== undefined;
      if (memory.judgeAgain || object.metadata.deletionTimestamp !== undefined) this.#wake(id);
    }
  }

  /** Objects that somebody changes again and again. */
  get driftLoops(): number {
    const now = this.#options.clock.now();
    return this.#memories.values().reduce((sum, { fights }) => sum + fights.count(now), 0);
  }

  /** Objects whose drift is left as it is, and told. */
  get leftDrifted(): number {
    return this.#memories.values().reduce((sum, memory) => sum + toldDrift(memory).length, 0);
  }

  /** What the units of this replica use; null while that is not known of all of them yet. */
  uses(isOurs: (id: string) => boolean): UnitUses | null {
    const { kustomizations } = this.#options;
    const uses: UnitUses = { bundles: [], kinds: new Set(), artifacts: new Map() };
    for (const id of kustomizations.ids()) {
      const memory = this.#memories.get(id);
      const object = kustomizations.get(id) as Kustomization;
      if (memory === undefined && isOurs(id)) return null;
      if (memory !== undefined) noteUse(uses, object, memory);
    }
    return uses;
  }

  async run(id: string, leave: Leave): Promise<void> {
    try {
      await this.#run(id, leave);
    } finally {
      this.#clusterNews.wakeForNextDrift(id);
    }
  }

  /** The unit is another replica's now: what is known of it grows old. */
  drop(id: string): void {
    const memory = this.#memories.get(id);
    if (memory !== undefined) this.#forget(id, memory);
  }

  async #run(id: string, leave: Leave): Promise<void> {
    const { clock } = this.#options;
    const { signal: rewound } = this.#rewound;
    const hands: Hands = { ...this.#hands, ...leave, signal: AbortSignal.any([leave.signal, rewound]) };
    const startedAt = clock.now();
    const memory = await this.#memoryOf(id);
    judgeAnew(memory);
    await this.#evaluate(id, memory, hands.signal);
    const seen = this.#see(id, memory);
    const step = decide(seen);
    const { object } = seen;
    if (object !== undefined) this.#tellUnknownModes(object, memory);
    const repairs = step.do === 'deliver' && step.cause === 'drift';
    if (step.do !== 'await' && !repairs) memory.awaitingSince = null;
    if (step.do === 'forget' || object === undefined) {
      this.#forget(id, memory);
      return;
    }
    if (step.do === 'rest') return;
    if (step.do === 'idle') return this.#options.queue().addAfter(id, step.after);
    if (step.do === 'finalize') return this.#finalizeUnlocked(object, memory, hands);
    const { outcome, isHalted } = await this.#carryOutUnlocked(object, step, { memory, hands });
    // What it found is lost, and it runs again from what stands.
    if (rewound.aborted) return;
    // The agent stops, or the unit is another replica's now: what was not done is no failure, somebody else goes on.
    if (hands.signal.aborted && outcome.type !== 'done') return;
    if (isHalted) return this.#wake(id);
    this.#finish(object, memory, outcome, clock.now() - startedAt);
  }

  /** @param took milliseconds */
  #finish(object: Kustomization, memory: UnitMemory, outcome: Outcome<Facts>, took: number): void {
    const { clock, finisher, kustomizations } = this.#options;
    const id = idOf(object);
    // The run may have written status meanwhile: report on what stands now.
    const current = (kustomizations.get(id) as Kustomization | undefined) ?? object;
    const told = { ...object, status: current.status ?? {} } as Kustomization;
    this.#tellUnknownModes(object, memory);
    // Before the first delivery nobody has looked.
    const drifted = memory.delivered === null ? {} : { drifted: toldDrift(memory) };
    const all = { ...outcome, facts: { ...outcome.facts, ...drifted } };
    const moment = { now: clock.time(), interval: this.#see(id, memory).interval };
    finisher.finish(id, told as KubeObject, report(told, all, moment), took / 1_000);
  }

  #tellUnknownModes(object: Kustomization, memory: UnitMemory): void {
    for (const event of unknownModeEvents(object, memory)) this.#options.finisher.say(object as KubeObject, event);
  }

  /** What is needed of others is looked for, and what the spec's expressions say is known, before anything is decided. An object that will not be worked on is not asked. */
  async #evaluate(id: string, memory: UnitMemory, signal: AbortSignal): Promise<void> {
    const { kustomizations, helmReleases, sources, settings } = this.#options;
    const object = kustomizations.get(id) as Kustomization | undefined;
    if (object === undefined || object.metadata.deletionTimestamp !== undefined || object.spec.suspend === true) return;
    const { kind } = object.spec.sourceRef;
    if (kind !== EXTERNAL_ARTIFACT_KIND || settings.externalArtifacts) sources.need(kind);
    const { dependsOn, healthCheckExprs } = object.spec;
    if ((dependsOn ?? healthCheckExprs) !== undefined && !checkKustomization(object).ok) return;
    if (dependenciesOf(object).some(({ kind }) => kind === 'HelmRelease')) helmReleases.need();
    await memory.expressions.refresh(object, kustomizations.version(id), {
      expressions: this.#hands.expressions,
      find: (other) => findDependency(other, this.#options),
      version: (other) => dependencyVersion(other, this.#options),
      signal,
    });
  }

  /** A lockdown ends a delivery that is under way; the next run is held by it. */
  async #carryOutUnlocked(
    object: Kustomization,
    step: Step,
    { memory, hands }: { memory: UnitMemory; hands: Hands },
  ): Promise<{ outcome: Outcome<Facts>; isHalted: boolean }> {
    const id = idOf(object);
    const halted = new AbortController();
    if (step.do === 'deliver' && step.cause !== 'drift') this.#delivering.set(id, halted);
    const signal = AbortSignal.any([hands.signal, halted.signal]);
    try {
      const outcome = await this.#carryOut(object, step, { memory, hands: { ...hands, signal } });
      return { outcome, isHalted: halted.signal.aborted && outcome.type !== 'done' };
    } finally {
      this.#delivering.delete(id);
    }
  }

  async #carryOut(
    object: Kustomization,
    step: Step,
    context: { memory: UnitMemory; hands: Hands },
  ): Promise<Outcome<Facts>> {
    switch (step.do) {
      case 'refuse':
        return { type: 'terminal', facts: NOTHING, said: step.said };
      case 'await':
        return this.#await(context.memory, step);
      case 'deliver':
        return actDeliver(object, step.source, step.cause, context);
      default:
        return actSettle(object, context);
    }
  }

  /** What comes first is under way more often than not: only a wait that lasts is told. */
  #await(memory: UnitMemory, { said, after }: Extract<Step, { do: 'await' }>): Outcome<Facts> {
    const now = this.#options.clock.now();
    memory.awaitingSince ??= now;
    const left = memory.awaitingSince + TELL_WAIT_AFTER - now;
    if (left > 0) return { type: 'again', facts: NOTHING, after: left };
    return { type: 'retry', facts: NOTHING, said, after };
  }

  /** As a delivery, a deletion ends when everything is locked down. */
  async #finalizeUnlocked(object: Kustomization, memory: UnitMemory, hands: Hands): Promise<void> {
    const id = idOf(object);
    const halted = new AbortController();
    this.#delivering.set(id, halted);
    try {
      await this.#finalize(object, memory, { ...hands, signal: AbortSignal.any([hands.signal, halted.signal]) });
    } finally {
      this.#delivering.delete(id);
      if (halted.signal.aborted && !hands.signal.aborted) this.#wake(id);
    }
  }

  async #finalize(object: Kustomization, memory: UnitMemory, hands: Hands): Promise<void> {
    const { finisher, queue, clock } = this.#options;
    const id = idOf(object);
    const { deleted, said, next, heldFor } = await finalize(object, memory, hands);
    if (hands.signal.aborted && (next === 'retry' || next === 'unreached')) return;
    const pace = paceOf({ said, next }, memory.deletion, clock.random());
    memory.deletion = pace.trouble;
    for (const one of pace.said) {
      finisher.say(object as KubeObject, { type: eventType(one.level), reason: one.reason, message: one.text });
    }
    if (deleted.length > 0) {
      const changes = deleted.map((key) => ({ object: key, action: 'deleted' as const }));
      const message = say(messages.changed, { changes });
      finisher.say(object as KubeObject, { type: 'Normal', reason: message.reason, message: message.text });
    }
    const [held] = said;
    if (heldFor !== undefined && held !== undefined) {
      const told = report(
        object,
        { type: 'retry', facts: NOTHING, said: held, after: heldFor },
        { now: clock.time(), interval: 0 },
      );
      if (told.status !== null) this.#options.writer.write(id, told.status).catch(() => undefined);
    }
    if (pace.after !== null) queue().addAfter(id, heldFor ?? pace.after);
    if (next === 'wait') queue().addAfter(id, Math.max(0, (memory.terminateBy ?? 0) - clock.now()));
    if (next === 'gone') this.#forget(id, memory);
  }

  #see(id: string, memory: UnitMemory): Seen {
    const { kustomizations, sources, helmReleases, clock, settings } = this.#options;
    return observeUnit(id, memory, {
      kustomizations,
      sources,
      configs: this.#hands.configs,
      helmReleases,
      now: clock.now(),
      random: clock.random(),
      settings,
    });
  }

  #forget(id: string, memory: UnitMemory): void {
    this.#memories.delete(id);
    this.#letGo(memory);
  }

  #letGo(memory: UnitMemory): void {
    this.#hands.clusters.release(memory.uid);
    this.#hands.records?.forget(memory);
    if (memory.bundle !== null) this.#hands.packs.drop(memory.bundle.pack);
  }

  async #memoryOf(id: string): Promise<UnitMemory> {
    const object = this.#options.kustomizations.get(id) as Kustomization | undefined;
    const known = this.#memories.get(id);
    // An object of the same name that was deleted and made anew is another unit.
    if (known !== undefined && (object === undefined || known.uid === object.metadata.uid)) return known;
    const slash = id.indexOf('/');
    const ref =
      object === undefined
        ? { kind: 'Kustomization', namespace: id.slice(0, slash), name: id.slice(slash + 1) }
        : unitRef(object);
    if (known !== undefined) this.#letGo(known);
    const memory = new UnitMemory(ref, object?.metadata.uid ?? '');
    await this.#hands.records?.recall(memory);
    this.#memories.set(id, memory);
    return memory;
  }

  #onObject(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    const now = object as Kustomization | undefined;
    const then = before as Kustomization | undefined;
    if (now === undefined || then === undefined || isNews(then, now)) this.#wake(id, PRIORITY.request);
    else if (this.#isAwaiting(id) && saidByUsers(then) !== saidByUsers(now)) this.#wake(id);
    else if (this.#isStuck(id) && inventoryMark(then) !== inventoryMark(now)) this.#wake(id);
    this.#onDependency(id, readyMark(now) !== readyMark(then));
  }

  #isAwaiting(id: string): boolean {
    return (this.#memories.get(id)?.awaitingSince ?? null) !== null;
  }

  /** Whether its deletion failed. */
  #isStuck(id: string): boolean {
    return (this.#memories.get(id)?.deletion.told ?? '') !== '';
  }

  #onHelmRelease(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    const mark = (release: KubeObject | undefined) => readyMark(release as Dependable | undefined);
    this.#onDependency(dependableId({ kind: HELM_RELEASE.kind, ...parseObjectId(id) }), mark(object) !== mark(before));
  }

  #onHelmReleasesAvailable(): void {
    for (const [id, memory] of this.#memories) {
      const object = this.#options.kustomizations.get(id) as Kustomization | undefined;
      if (memory.awaitingSince === null || object === undefined) continue;
      if (dependenciesOf(object).some(({ kind }) => kind === HELM_RELEASE.kind)) this.#wake(id);
    }
  }

  /** Readiness wakes whoever depends on it; any other change those that wait with a readyExpr, which may ask for anything. */
  #onDependency(id: string, readiness: boolean): void {
    if (readiness) return this.#wakeDependants(id);
    for (const [unit, memory] of this.#memories) {
      if (memory.awaitingSince !== null && memory.expressions.judges(id)) this.#wake(unit);
    }
  }

  /** What was delivered since is lost with the status that told of it: every unit delivers again, which changes only what differs. */
  #onRewound(): void {
    this.#rewound.abort();
    this.#rewound = new AbortController();
    for (const [id, memory] of this.#memories) {
      memory.delivered = null;
      memory.failed = null;
      memory.driftFailed = { count: 0, retryAt: 0 };
      this.#wake(id);
    }
  }

  #onSource(
    source: { kind: string; id: string },
    object: KubeObject | undefined,
    before: KubeObject | undefined,
  ): void {
    if (artifactMark(object) === artifactMark(before)) return;
    for (const unit of this.#options.kustomizations.ids()) {
      const kustomization = this.#options.kustomizations.get(unit) as Kustomization;
      if (kustomization.spec.sourceRef.kind === source.kind && sourceId(kustomization) === source.id) this.#wake(unit);
    }
  }

  #onSourcesAvailable(kind: string): void {
    for (const [id, memory] of this.#memories) {
      const object = this.#options.kustomizations.get(id) as Kustomization | undefined;
      if (memory.awaitingSince !== null && object?.spec.sourceRef.kind === kind) this.#wake(id);
    }
  }

  #wakeDependants(id: string): void {
    for (const unit of this.#options.kustomizations.ids()) {
      const object = this.#options.kustomizations.get(unit) as Kustomization;
      const isNext = dependenciesOf(object).some((dependency) => dependency.id === id);
      if (isNext || isRemovedBy(object, id)) this.#wake(unit);
    }
  }

  #wake(id: string, priority: (typeof PRIORITY)[keyof typeof PRIORITY] = PRIORITY.routine): void {
    this.#options.queue().add(id, priority);
  }
}

function idOf(object: Kustomization): string {
  return objectId({ namespace: object.metadata.namespace ?? '', name: object.metadata.name });
}

function readyMark(object: Dependable | undefined): string | undefined {
  if (object === undefined) return undefined;
  const ready = object.status?.conditions?.find(({ type }) => type === 'Ready');
  const revision = object.kind === 'Kustomization' ? object.status?.lastAppliedRevision : undefined;
  return [ready?.status, object.status?.observedGeneration, revision].join(' ');
}

/** What a readyExpr may ask of a unit itself, and no controller writes. */
function saidByUsers({ metadata }: Kustomization): string {
  return printJson([metadata.labels, metadata.annotations]);
}

/** Somebody may mend what a deletion fails at. */
function inventoryMark({ status }: Kustomization): string {
  return printJson(status?.inventory?.entries ?? []);
}

function artifactMark(object: KubeObject | undefined): string {
  const status = object?.['status'] as { artifact?: { revision: string; digest: string } } | undefined;
  return `${status?.artifact?.revision ?? ''} ${status?.artifact?.digest ?? ''}`;
}
