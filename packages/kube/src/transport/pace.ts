import { Latency } from './latency.ts';

/** What became of one request. Times in milliseconds of one clock that never goes back. */
export interface Outcome {
  readonly verb: string;
  readonly sentAt: number;
  /** HTTP status, or 0 when no answer came. */
  readonly status: number;
  /** What the server asked to wait. */
  readonly retryAfter?: number | undefined;
  /** A 5xx that tells of the object sent, not of the server. */
  readonly harmless?: boolean;
}

/** A time in milliseconds that never goes back, and chance: tests own both. */
export interface PaceClock {
  now(): number;
  random(): number;
}

const SHRINK = 0.5;
const SHRINK_SLOW = 0.8;
/** Slow answers alone never close the window further: few requests at once hurt nobody. */
const LEAST_WHEN_SLOW = 4;
const SLOW_PAUSE_MS = 1_000;
const FIRST_HOLD_MS = 200;
const LONGEST_HOLD_MS = 10_000;
const LONGEST_RETRY_AFTER_MS = 60_000;
/** A single 5xx may be about one object; that many in a row are about the server. */
const ERRORS_IN_ROW = 3;
/** Where the window begins again after the server was away. */
const AFTER_AWAY = 4;

/**
 * How many requests may be in flight, and from when on (I12). Additive increase: one more for each full window answered well.
 * Multiplicative decrease: half on 429, on connection loss, on 5xx in a row; a little less on slow answers. A refusal also holds
 * everything back: for 0.2 s doubling to 10 s while refusals go on, and for as long as the server asked where that is longer, of which
 * a minute counts at most. Chance makes the first shorter or longer by a quarter, the second only longer. What was in flight together
 * counts once.
 */
export class Pace {
  readonly #most: number;
  readonly #clock: PaceClock;
  readonly #latency = new Latency();
  #limit: number;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #squeezedAt = Number.NEGATIVE_INFINITY;
  #slowedAt = Number.NEGATIVE_INFINITY;
  #squeezes = 0;
  #errors = 0;

  constructor(most: number, clock: PaceClock) {
    this.#most = most;
    this.#limit = most;
    this.#clock = clock;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Milliseconds until the next request may be sent; 0 when it may be now. */
  get hold(): number {
    return Math.max(0, this.#heldUntil - this.#clock.now());
  }

  /** Times in a row the server had to be given rest, with no good answer since. */
  get squeezes(): number {
    return this.#squeezes;
  }

  /** @param busy whether the window was full enough for a wider one to matter */
  learn(outcome: Outcome, busy: boolean): void {
    const { status, retryAfter, harmless = false } = outcome;
    if (status === 429 || (retryAfter !== undefined && status >= 500)) return this.#squeeze(outcome);
    if (status === 0) return this.#squeeze(outcome);
    if (status >= 500 && !harmless) {
      this.#errors += 1;
      if (this.#errors >= ERRORS_IN_ROW) this.#squeeze(outcome);
      return;
    }
    this.#errors = 0;
    this.#squeezes = 0;
    if (this.#latency.isSlow(outcome.verb, this.#clock.now() - outcome.sentAt)) this.#slowDown();
    else if (busy) this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
  }

  /** The server was away and is back: what waits must not fall upon it. */
  startAnew(): void {
    this.#limit = Math.min(this.#limit, AFTER_AWAY);
    this.#heldUntil = Number.NEGATIVE_INFINITY;
    this.#squeezes = 0;
    this.#errors = 0;
  }

  #squeeze({ sentAt, retryAfter }: Outcome): void {
    const now = this.#clock.now();
    if (sentAt >= this.#squeezedAt) {
      this.#limit = Math.max(1, this.#limit * SHRINK);
      const rest = Math.min(LONGEST_HOLD_MS, FIRST_HOLD_MS * 2 ** this.#squeezes);
      this.#holdFor(now, rest * (0.75 + this.#clock.random() / 2));
      this.#squeezes += 1;
      this.#squeezedAt = now;
    }
    if (retryAfter !== undefined) {
      this.#holdFor(now, Math.min(LONGEST_RETRY_AFTER_MS, retryAfter) * (1 + this.#clock.random() / 4));
    }
  }

  #holdFor(now: number, rest: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, now + rest);
  }

  #slowDown(): void {
    const now = this.#clock.now();
    if (now - this.#slowedAt < SLOW_PAUSE_MS) return;
    this.#slowedAt = now;
    this.#limit = Math.max(Math.min(this.#limit, LEAST_WHEN_SLOW), this.#limit * SHRINK_SLOW);
  }
}
