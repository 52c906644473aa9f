import { PlumbError } from '@plumb/api';

const FIRST_MS = 200;
const LONGEST_MS = 30_000;

/** Exponential backoff with jitter: 0.2 s doubling to 30 s, each wait between half and all of that. */
export class Backoff {
  readonly #random: () => number;
  #next = FIRST_MS;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds to wait after `error`: never less than the server asked for. */
  after(error: unknown): number {
    const wait = this.#next * (0.5 + this.#random() / 2);
    this.#next = Math.min(LONGEST_MS, this.#next * 2);
    const asked = error instanceof PlumbError ? (error.retryAfter ?? 0) : 0;
    return asked === 0 ? wait : Math.max(wait, asked * (1 + this.#random() / 10));
  }

  reset(): void {
    this.#next = FIRST_MS;
  }
}
