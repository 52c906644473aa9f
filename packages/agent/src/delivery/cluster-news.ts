import type { ObjectKey } from '@plumb/api';
import { eventType, ownMessages, say } from '@plumb/api';
import type { DriftMode, Observed, Ownership } from '@plumb/core';
import { isSameUnit, unitDriftMode } from '@plumb/core';
import type { News } from './clusters.ts';
import type { Destination } from './destination.ts';
import { culprits, driftActionAt, isIgnored, judge, nextDrift } from './drift.ts';
import type { LiveChange } from './live.ts';
import type { UnitObject } from './unit-object.ts';
import type { UnitMemory } from './unit.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Finisher } from '../runtime/finisher.ts';
import type { FluxObjects } from '../runtime/flux-objects.ts';
import { objectId } from '../runtime/flux-objects.ts';
import type { KeyedQueue } from '../runtime/queue.ts';
import { PRIORITY } from '../runtime/queue.ts';

interface ClusterNewsOptions {
  /** The units, and how they mark what they own. */
  objects: FluxObjects;
  ownership: Ownership;
  /** What is known of the units, by `namespace/name`. */
  memories: ReadonlyMap<string, UnitMemory>;
  finisher: Finisher;
  queue: () => KeyedQueue;
  clock: Clock;
  /** The only namespace whose units this agent acts on. */
  namespace: string | undefined;
  /** Told of a unit that waits for the health of an object which changed; by default the unit runs. */
  onHealth?: (id: string) => void;
}

/** What the clusters that units deliver to wake: changes of their objects, and whether they answer. */
export class ClusterNews {
  readonly #options: ClusterNewsOptions;

  constructor(options: ClusterNewsOptions) {
    this.#options = options;
  }

  /** A live object changed: drift wakes its unit before anything else, a change of health wakes a unit that waits for it. */
  onChange(change: LiveChange, destination: Destination): void {
    const owner = this.#ownerOf(change);
    // Objects of a unit that delivers elsewhere by now are nobody's business any more.
    if (owner !== null && this.#options.memories.get(owner)?.destination === destination) this.#onOwned(owner, change);
    if (change.key.kind === 'Namespace' && change.before === undefined) this.#onNewNamespace(destination);
    if (!destination.live.isNamed(change.id)) return;
    for (const [id, memory] of this.#unitsOf(destination)) {
      if (memory.settling === null) continue;
      memory.verdicts.note(change);
      this.#onHealth(id);
    }
  }

  /** A remote cluster is away, is back, or refuses our credentials: its units tell, or go on, or look whether they were given others. */
  onNews(destination: Destination, news: News): void {
    const now = this.#options.clock.now();
    for (const [id, memory] of this.#unitsOf(destination)) {
      const { awaitingSince, failed, driftFailed, unreachedSince } = memory;
      const idle = awaitingSince === null && failed === null && driftFailed.count === 0 && unreachedSince === null;
      if (news === 'back' && idle) continue;
      memory.awaitingSince ??= now;
      if (failed !== null && news !== 'away') failed.retryAt = Math.min(failed.retryAt, now);
      memory.driftFailed = { count: 0, retryAt: 0 };
      this.#wake(id);
    }
  }

  /**
   * Whom a change concerns: the unit the labels name. Labels that were taken away or name no unit there is are drift of the unit they named
   * before; one that another unit took over belongs to that one.
   */
  #ownerOf({ before, after }: LiveChange): string | null {
    const { namespace, ownership } = this.#options;
    for (const owner of [after?.owner, before?.owner]) {
      if (owner?.kind !== ownership.kind) continue;
      // Another agent's unit: nothing is known of it here.
      if (namespace !== undefined && owner.namespace !== namespace) return null;
      const id = objectId(owner);
      if (this.#options.objects.get(id) !== undefined) return id;
    }
    return null;
  }

  #onOwned(id: string, change: LiveChange): void {
    const memory = this.#options.memories.get(id);
    if (memory === undefined) return;
    const isJudged = memory.settling !== null && memory.verdicts.note(change);
    if (memory.terminateBy !== null) this.#wake(id);
    else if (judge(change, memory) && !isIgnored(memory, change.id, this.#driftModeOf(id)))
      this.#repair(id, memory, change);
    else if (isJudged) this.#onHealth(id);
    else if (memory.settling !== null && healthMark(change.before) !== healthMark(change.after)) this.#onHealth(id);
    else if (memory.overdue.has(change.id) && change.before?.health.status !== change.after?.health.status)
      this.#tryAgain(id, memory);
  }

  #onHealth(id: string): void {
    const { onHealth } = this.#options;
    if (onHealth === undefined) this.#wake(id);
    else onHealth(id);
  }

  /** What the unit waited for in vain is another by now: its next run need not wait for its time. */
  #tryAgain(id: string, { failed }: UnitMemory): void {
    if (failed !== null) failed.retryAt = Math.min(failed.retryAt, this.#options.clock.now());
    this.#wake(id);
  }

  *#unitsOf(destination: Destination): Generator<[string, UnitMemory]> {
    for (const entry of this.#options.memories) if (entry[1].destination === destination) yield entry;
  }

  /** What was deleted with a namespace of another unit can come back now. */
  #onNewNamespace(destination: Destination): void {
    for (const [id, memory] of this.#unitsOf(destination)) {
      if (memory.drifted.size === 0) continue;
      memory.driftFailed = { count: 0, retryAt: 0 };
      this.#wake(id, PRIORITY.drift);
    }
  }

  #repair(id: string, memory: UnitMemory, change: LiveChange): void {
    // What was deleted with its namespace can come back as soon as the namespace can.
    if (change.after === undefined && change.key.kind === 'Namespace') memory.driftFailed = { count: 0, retryAt: 0 };
    this.#repairWhenDue(id, memory, change);
  }

  /** The first corrections are made at once; who insists is named, and waits longer each time. */
  #repairWhenDue(id: string, memory: UnitMemory, drifted: { id: string; key: ObjectKey }): void {
    const { clock, objects, finisher, ownership } = this.#options;
    if (!this.#wakeWhenDue(id, memory, drifted.id)) return;
    const now = clock.now();
    const object = objects.get(id);
    const managers = culprits(memory, drifted.id, ownership.manager);
    const fight = managers === null || object === undefined ? null : memory.fights.news(drifted.id, now);
    if (managers === null || object === undefined || fight === null) return;
    const { level, reason, text } = say(ownMessages.driftLoop, { object: drifted.key, managers, ...fight });
    finisher.say(object, { type: eventType(level), reason, message: text });
  }

  /** @returns whether the repair has to wait. Of a suspended unit none is made: its drift is looked at when it is resumed */
  #wakeWhenDue(id: string, memory: UnitMemory, drifted: string): boolean {
    if (this.#isSuspended(id)) return false;
    const now = this.#options.clock.now();
    const wait = driftActionAt(memory, drifted, now, this.#driftModeOf(id)) - now;
    if (wait <= 0) this.#wake(id, PRIORITY.drift);
    else this.#options.queue().addAfter(id, wait);
    return wait > 0;
  }

  #isSuspended(id: string): boolean {
    const object = this.#options.objects.get(id) as UnitObject | undefined;
    return object?.spec.suspend === true;
  }

  #driftModeOf(id: string): DriftMode {
    const object = this.#options.objects.get(id);
    return object === undefined ? 'correct' : unitDriftMode(object);
  }

  /** Any wake-up takes the place of a later one that was asked for: what waits is asked for again. */
  wakeForNextDrift(id: string): void {
    const memory = this.#options.memories.get(id);
    if (memory === undefined || memory.drifted.size === 0 || this.#isSuspended(id)) return;
    const now = this.#options.clock.now();
    const next = nextDrift(memory, now, this.#driftModeOf(id));
    if (next !== null) this.#options.queue().addAfter(id, next - now);
  }

  /** An apply's answer is in: what the watch brought while it was under way is judged against it. */
  rejudge(memory: UnitMemory, id: string): void {
    const after = memory.destination?.live.get(id);
    const applied = memory.applied.get(id);
    if (applied === undefined) return;
    if (after !== undefined) {
      if (!isSameUnit(after.owner, memory.ref) || after.ownedHash === applied.ownedHash) return;
      memory.drifted.set(id, 'unread');
    }
    if (memory.drifted.has(id)) this.#wakeWhenDue(objectId(memory.ref), memory, id);
  }

  #wake(id: string, priority: (typeof PRIORITY)[keyof typeof PRIORITY] = PRIORITY.routine): void {
    this.#options.queue().add(id, priority);
  }
}

function healthMark(observed: Observed | undefined): string {
  return observed === undefined ? '' : `${observed.health.status} ${observed.health.message}`;
}
