import type { KubeObject } from '@plumb/api';
import type { FluxObjects } from './flux-objects.ts';
import { parseObjectId } from './flux-objects.ts';
import type { KeyedQueue } from './queue.ts';
import type { Selection } from './selection.ts';
import type { Claim, Leave, Shards } from './shards.ts';
import type { StatusWriter } from './status-writer.ts';

/** What works on the objects of one kind. */
export interface Runner {
  run(id: string, leave: Leave): Promise<void>;
  /** The object is another agent's now: what is remembered of it goes. */
  drop(id: string): void;
}

/** This replica's share of one kind: it wakes what was gained, and ends all about what was lost. */
export class Share {
  readonly #kind: string;
  readonly #selects: Selection;
  readonly #shards: Shards;
  readonly #objects: FluxObjects;
  readonly #queue: () => KeyedQueue;
  readonly #writer: () => StatusWriter;
  readonly #stop: AbortSignal;
  readonly #held = new Set<string>();
  readonly #running = new Map<string, AbortController>();
  /** Taken over from a replica whose last word on them our watch may not have brought yet. */
  readonly #takenOver = new Set<string>();
  /** What is ours from the beginning was listed a moment ago: nothing of it is taken over. */
  #hadShare = false;
  #runner: Runner | null = null;

  constructor(
    kind: string,
    options: {
      /** Which objects are this agent's, whatever its replicas share. */
      selects: Selection;
      shards: Shards;
      objects: FluxObjects;
      queue: () => KeyedQueue;
      writer: () => StatusWriter;
      stop: AbortSignal;
    },
  ) {
    this.#kind = kind;
    this.#selects = options.selects;
    this.#shards = options.shards;
    this.#objects = options.objects;
    this.#queue = options.queue;
    this.#writer = options.writer;
    this.#stop = options.stop;
  }

  /** Objects that were worked on and still are ours. */
  get size(): number {
    return this.#held.size;
  }

  start(runner: Runner): void {
    this.#runner = runner;
    this.#shards.listen(() => this.#review());
    this.#objects.listen((id, object, before) => this.#onObject(id, object, before));
  }

  holds(id: string): boolean {
    return this.#isSelected(id) && this.#shards.owns({ kind: this.#kind, ...parseObjectId(id) });
  }

  claim(id: string): Claim | null {
    return this.#isSelected(id) ? this.#shards.claim({ kind: this.#kind, ...parseObjectId(id) }) : null;
  }

  /** Runs an object if it is ours; if not, whoever it belongs to does. */
  async run(id: string): Promise<void> {
    const runner = this.#runner;
    const claim = runner === null ? null : this.claim(id);
    if (runner === null || claim === null) return;
    const lost = new AbortController();
    const { cluster } = claim;
    const signal = AbortSignal.any([claim.signal, lost.signal]);
    const over = claim.over.bind(claim);
    const lasting = AbortSignal.any([this.#stop, claim.signal]);
    const hold = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => claim.run(() => work(lasting));
    this.#held.add(id);
    this.#running.set(id, lost);
    try {
      await claim.run(async () => {
        if (this.#takenOver.has(id)) await this.#objects.refresh(id, this.#stop);
        this.#takenOver.delete(id);
        await runner.run(id, { cluster, over, hold, signal: AbortSignal.any([this.#stop, signal]) });
      });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#running.delete(id);
      if (this.#objects.get(id) === undefined) this.#held.delete(id);
      if (signal.aborted) runner.drop(id);
    }
  }

  /** Of an object that is gone nothing is known: whoever held it forgets it. */
  #isSelected(id: string): boolean {
    const object = this.#objects.get(id);
    return object === undefined || this.#selects(object);
  }

  /** A change of its labels makes it ours, or another agent's. */
  #onObject(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    if (object === undefined || before === undefined || this.#selects(object) === this.#selects(before)) return;
    if (this.holds(id)) this.#queue().add(id);
    else if (this.#held.has(id)) this.#lose(id);
  }

  #review(): void {
    for (const id of this.#held) if (!this.holds(id)) this.#lose(id);
    const gained = [...this.#objects.ids()].filter((id) => !this.#held.has(id) && this.holds(id));
    for (const id of gained) {
      this.#held.add(id);
      if (this.#hadShare) this.#takenOver.add(id);
      this.#queue().add(id);
    }
    this.#hadShare ||= gained.length > 0;
  }

  #lose(id: string): void {
    this.#held.delete(id);
    this.#takenOver.delete(id);
    this.#queue().forget(id);
    this.#writer().drop(id);
    const running = this.#running.get(id);
    // A run under way drops it when it has ended.
    if (running === undefined) this.#runner?.drop(id);
    else running.abort();
  }
}
