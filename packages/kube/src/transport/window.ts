const SHRINK = 0.5;
const SHRINK_PAUSE_MS = 1_000;

interface Waiter {
  readonly admit: () => void;
}

/**
 * Bounds the requests in flight (I12): halves on 429 and on overload answers, at most once a second, and grows by one for each
 * full window answered well. `feedback` is the only input, so another rule can take its place here.
 */
export class RequestWindow {
  readonly #most: number;
  readonly #now: () => number;
  #limit: number;
  #inFlight = 0;
  #shrunkAt = Number.NEGATIVE_INFINITY;
  #waiting: Waiter[] = [];

  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#limit = most;
    this.#now = now;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Resolves when a place is free, first come first served. Rejects with the signal's reason when it aborts before. */
  acquire(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#inFlight < this.limit && this.#waiting.length === 0) {
      this.#inFlight += 1;
      return undefined;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
      reject(signal?.reason);
    };
    const waiter: Waiter = {
      admit: () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(waiter);
    return promise;
  }

  release(): void {
    this.#inFlight -= 1;
    this.#admit();
  }

  /** @param status HTTP status, or 0 when no answer came. @param latency milliseconds from sending to the whole answer. */
  feedback(latency: number, status: number): void {
    if (isOverload(latency, status)) this.#shrink();
    else if (status !== 0 && this.#limit < this.#most)
      this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
  }

  #shrink(): void {
    const now = this.#now();
    if (now - this.#shrunkAt < SHRINK_PAUSE_MS) return;
    this.#shrunkAt = now;
    this.#limit = Math.max(1, this.#limit * SHRINK);
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.limit) {
      this.#inFlight += 1;
      this.#waiting.shift()?.admit();
    }
  }
}

const SLOW_MS = 10_000;

function isOverload(latency: number, status: number): boolean {
  return status === 429 || status === 503 || status === 504 || latency > SLOW_MS;
}
