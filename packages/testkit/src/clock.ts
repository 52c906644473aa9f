interface Timer {
  at: number;
  order: number;
  fn: () => void;
}

/** Time that stands still until a test moves it. Fits every port with `now` (ms since the epoch) and `after`. */
export class FakeClock {
  #now: number;
  #set = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** The system's time: as `now`, until somebody sets it. */
  time(): number {
    return this.#now + this.#set;
  }

  /** Sets the system's time forward or (below 0) back by `ms`. No timer notices. */
  jump(ms: number): void {
    this.#set += ms;
  }

  /** The middle, so that jitter around an interval adds nothing. */
  random(): number {
    return 0.5;
  }

  /** Runs `fn` when the clock has been moved by `ms`. @returns cancels it */
  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next timer fires, in ms from now; null when none waits. */
  get untilNext(): number | null {
    const next = this.#next();
    return next === null ? null : next.at - this.#now;
  }

  /**
   * Moves time on. Timers fire in order, each at its own moment; what they wake (promises) runs before the next one,
   * and timers set on the way fire as well when they fall into the span.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let timer = this.#next(); timer !== null && timer.at <= end; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.fn();
      await settled();
    }
    this.#now = end;
  }

  #next(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (next === null || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

/** One turn of the event loop: every promise that can settle without I/O has. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
