/** Milliseconds between two looks at what the server says: reading a date costs more than most answers. */
const LOOK_EVERY = 5_000;

/**
 * The API server's own clock, as its answers tell it (RFC 9110, Date), carried on by a clock that nobody can set. It lags behind by up to a second and the
 * way of the answer, and never runs ahead.
 */
export class ServerTime {
  readonly #elapsed: () => number;
  #date = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** @param elapsed milliseconds by a clock that only goes forward */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** @param date the header of an answer that has just come */
  learn(date: string | string[] | undefined): void {
    const now = this.#elapsed();
    if (typeof date !== 'string' || now - this.#at < LOOK_EVERY) return;
    // Time stands still in a leap second; JavaScript takes 23:59:60 for 23:59:00.
    const parsed = Date.parse(date.replace(':60 ', ':59 '));
    if (Number.isNaN(parsed)) return;
    this.#date = parsed;
    this.#at = now;
  }

  /** Milliseconds since the epoch; null before the first answer that tells it. */
  get now(): number | null {
    return this.#at === Number.NEGATIVE_INFINITY ? null : this.#date + (this.#elapsed() - this.#at);
  }
}
