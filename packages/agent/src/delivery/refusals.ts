import type { Cluster } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';

/** Milliseconds after which units are told again that their credentials are refused: there may be others by then. */
const TELL_AGAIN = 30_000;
/** Milliseconds one answer about the credentials is good for all units. */
const GOOD_FOR = 5_000;

/** What a server says of our credentials to it. Watches stumble over a refusal first: without a word of it their units would look well. */
export class Refusals {
  readonly #clock: Clock;
  readonly #onNews: () => void;
  #isRefused = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #asked: { at: number; answer: Promise<void> } | null = null;

  constructor(clock: Clock, onNews: () => void) {
    this.#clock = clock;
    this.#onNews = onNews;
  }

  /** The server refused a request for its credentials. */
  note(): void {
    this.#isRefused = true;
    const now = this.#clock.now();
    if (now - this.#toldAt < TELL_AGAIN) return;
    this.#toldAt = now;
    this.#onNews();
  }

  /** Resolves when the credentials are taken, as far as is known; asks if they were refused last. @throws what the server answers */
  async confirm(cluster: Pick<Cluster, 'version'>): Promise<void> {
    if (!this.#isRefused) return;
    const now = this.#clock.now();
    if (this.#asked === null || now - this.#asked.at >= GOOD_FOR) this.#asked = { at: now, answer: this.#ask(cluster) };
    await this.#asked.answer;
  }

  async #ask(cluster: Pick<Cluster, 'version'>): Promise<void> {
    await cluster.version();
    this.#isRefused = false;
    this.#toldAt = Number.NEGATIVE_INFINITY;
  }
}
