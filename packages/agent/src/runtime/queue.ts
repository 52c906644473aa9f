import type { Clock } from './clock.ts';
import { Lane } from './lane.ts';

/** Higher goes first: drift repair before what a person asked for, before what a new revision or a timer wants. */
export const PRIORITY = { drift: 2, request: 1, routine: 0 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

export interface Handler {
  (key: string): Promise<void>;
}

/** Keys that are worked on apart from the others, so that what holds them up holds up nobody else. */
export interface Apart {
  /** The lane a key belongs to now; empty: it goes with all others. */
  laneOf: (key: string) => string;
  /** Workers of one lane. */
  each: number;
  /** Workers of all lanes together. */
  most: number;
}

/**
 * A queue of keys. Equal keys merge while they wait; a key that is added while it is worked on runs once more afterwards; one key is
 * never worked on twice at the same time. A delayed add keeps the earliest time asked for.
 */
export class KeyedQueue {
  readonly #clock: Clock;
  readonly #handler: Handler;
  readonly #workers: number;
  readonly #apart: Apart | undefined;
  readonly #main = new Lane();
  readonly #lanes = new Map<string, Lane>();
  /** Where each ready key waits. */
  readonly #ready = new Map<string, Lane>();
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>();
  readonly #running = new Set<string>();
  readonly #again = new Map<string, Priority>();
  #runningApart = 0;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: { workers: number; clock: Clock; handler: Handler; apart?: Apart }) {
    this.#clock = options.clock;
    this.#handler = options.handler;
    this.#workers = options.workers;
    this.#apart = options.apart;
  }

  /** Keys ready to run, not counting those in the hands of a worker. */
  get depth(): number {
    return this.#ready.size;
  }

  /** How long the oldest ready key has waited, in milliseconds. */
  get age(): number {
    const now = this.#clock.now();
    const oldest = [this.#main, ...this.#lanes.values()].map((lane) => lane.oldest ?? now);
    return now - Math.min(...oldest);
  }

  add(key: string, priority: Priority = PRIORITY.routine): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      this.#again.set(key, Math.max(priority, this.#again.get(key) ?? 0) as Priority);
      return;
    }
    const lane = this.#laneOf(key);
    const at = this.#ready.get(key);
    const waiting = at?.get(key);
    if (waiting !== undefined && at === lane && waiting.priority >= priority) return;
    at?.drop(key);
    const since = waiting?.since ?? this.#clock.now();
    lane.put(key, { priority: Math.max(priority, waiting?.priority ?? 0), since });
    this.#ready.set(key, lane);
    this.#pump(lane);
  }

  /** Adds the key after a time, unless it is due earlier already. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    const at = this.#clock.now() + ms;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.at <= at) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, cancel });
  }

  forget(key: string): void {
    this.#cancelDelay(key);
    this.#ready.get(key)?.drop(key);
    this.#ready.delete(key);
    this.#again.delete(key);
  }

  /** Takes no more keys; resolves when the running ones have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const lane of [this.#main, ...this.#lanes.values()]) lane.clear();
    this.#ready.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  #laneOf(key: string): Lane {
    const name = this.#apart?.laneOf(key) ?? '';
    if (name === '') return this.#main;
    const lane = this.#lanes.get(name) ?? new Lane();
    this.#lanes.set(name, lane);
    return lane;
  }

  #hasWorker(lane: Lane): boolean {
    if (lane === this.#main) return lane.running < this.#workers;
    const { each = 0, most = 0 } = this.#apart ?? {};
    return lane.running < each && this.#runningApart < most;
  }

  #pump(lane: Lane): void {
    while (this.#hasWorker(lane)) {
      const next = lane.next();
      if (next === undefined) return;
      this.#ready.delete(next);
      void this.#run(next, lane);
    }
  }

  /** A worker is free: it serves this lane, and if it goes with any of them, those that wait. */
  #pumpAfter(lane: Lane): void {
    this.#pump(lane);
    if (lane === this.#main) return;
    for (const [name, other] of this.#lanes) {
      this.#pump(other);
      if (other.isEmpty && other.running === 0) this.#lanes.delete(name);
    }
  }

  async #run(key: string, lane: Lane): Promise<void> {
    this.#running.add(key);
    this.#count(lane, 1);
    try {
      await this.#handler(key);
    } finally {
      this.#running.delete(key);
      this.#count(lane, -1);
      const again = this.#again.get(key);
      this.#again.delete(key);
      if (again !== undefined) this.add(key, again);
      this.#pumpAfter(lane);
      if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  #count(lane: Lane, change: 1 | -1): void {
    lane.running += change;
    if (lane !== this.#main) this.#runningApart += change;
  }
}
