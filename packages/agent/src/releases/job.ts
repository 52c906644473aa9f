/** Node fires timers beyond it at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * A piece of work that goes on after the run that began it. What it waits for holds no worker: a run waits for the work's end, or until the work
 * itself only waits for others.
 */
export class Job<T> {
  readonly ended: Promise<T>;
  readonly #cancel = new AbortController();
  readonly #parked = Promise.withResolvers<void>();
  #nudge: (() => void) | null = null;
  /** One came while nobody waited for it. */
  #isNudged = false;
  #hasEnded = false;
  #hasParked = false;

  /** @param work is to heed the signal, and to wait through the job */
  constructor(work: (job: Job<T>, signal: AbortSignal) => Promise<T>) {
    this.ended = work(this, this.#cancel.signal).finally(() => {
      this.#hasEnded = true;
    });
    this.ended.catch(() => undefined);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether nobody need wait for it: it has ended, or does nothing but wait. */
  get isSettled(): boolean {
    return this.#hasEnded || this.#hasParked;
  }

  /** Resolves when it has ended, or does nothing but wait. */
  async settled(): Promise<void> {
    await Promise.race([this.#parked.promise, this.ended.then(ignore, ignore)]);
  }

  cancel(reason: unknown): void {
    this.#cancel.abort(reason);
  }

  /** What the work waits for may have come. */
  nudge(): void {
    this.#isNudged = true;
    this.#nudge?.();
  }

  /** For the work: waits for something else, while nobody need wait for the work. */
  async wait<W>(waiting: Promise<W>): Promise<W> {
    this.#hasParked = true;
    this.#parked.resolve();
    return waiting;
  }

  /** For the work: waits for a nudge since it waited for the last one, for `ms` milliseconds at most, or until the signal aborts. */
  async waitForNudge(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(ms, LONGEST));
    const end = (): void => resolve();
    signal.addEventListener('abort', end, { once: true });
    this.#nudge = resolve;
    try {
      if (!signal.aborted && !this.#isNudged) await this.wait(promise);
    } finally {
      clearTimeout(timer);
      this.#nudge = null;
      this.#isNudged = false;
      signal.removeEventListener('abort', end);
    }
  }
}

function ignore(): void {}
