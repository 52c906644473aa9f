import type { Clock } from './clock.ts';

/** Higher goes first: drift repair before what a person asked for, before what a new revision or a timer wants. */
export const PRIORITY = { drift: 2, request: 1, routine: 0 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

export interface Handler {
  (key: string): Promise<void>;
}

interface Waiting {
  priority: Priority;
  since: number;
}

/**
 * A queue of keys. Equal keys merge while they wait; a key that is added while it is worked on runs once more afterwards; one key is
 * never worked on twice at the same time. A delayed add keeps the earliest time asked for.
 */
export class KeyedQueue {
  readonly #clock: Clock;
  readonly #handler: Handler;
  readonly #workers: number;
  readonly #ready: Map<string, Waiting>[] = [new Map(), new Map(), new Map()];
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>();
  readonly #running = new Set<string>();
  readonly #again = new Map<string, Priority>();
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: { workers: number; clock: Clock; handler: Handler }) {
    this.#clock = options.clock;
    this.#handler = options.handler;
    this.#workers = options.workers;
  }

  /** Keys ready to run, not counting those in the hands of a worker. */
  get depth(): number {
    return this.#ready.reduce((sum, level) => sum + level.size, 0);
  }

  /** How long the oldest ready key has waited, in milliseconds. */
  get age(): number {
    const now = this.#clock.now();
    let oldest = now;
    for (const level of this.#ready) {
      const first = level.values().next().value;
      if (first !== undefined && first.since < oldest) oldest = first.since;
    }
    return now - oldest;
  }

  add(key: string, priority: Priority = PRIORITY.routine): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      this.#again.set(key, Math.max(priority, this.#again.get(key) ?? 0) as Priority);
      return;
    }
    const waiting = this.#find(key);
    if (waiting !== undefined && waiting.priority >= priority) return;
    if (waiting !== undefined) this.#ready[waiting.priority]?.delete(key);
    this.#ready[priority]?.set(key, { priority, since: waiting?.since ?? this.#clock.now() });
    this.#pump();
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
    for (const level of this.#ready) level.delete(key);
    this.#again.delete(key);
  }

  /** Takes no more keys; resolves when the running ones have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const level of this.#ready) level.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #find(key: string): Waiting | undefined {
    return this.#ready[0]?.get(key) ?? this.#ready[1]?.get(key) ?? this.#ready[2]?.get(key);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  #pump(): void {
    while (this.#running.size < this.#workers) {
      const level = this.#ready.findLast((candidate) => candidate.size > 0);
      const next = level?.keys().next().value;
      if (level === undefined || next === undefined) return;
      level.delete(next);
      void this.#run(next);
    }
  }

  async #run(key: string): Promise<void> {
    this.#running.add(key);
    try {
      await this.#handler(key);
    } finally {
      this.#running.delete(key);
      const again = this.#again.get(key);
      this.#again.delete(key);
      if (again !== undefined) this.add(key, again);
      this.#pump();
      if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }
}
