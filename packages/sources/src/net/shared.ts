import { systemError, unlessAborted } from '@plumb/api';
import { Lru } from '../lru.ts';

interface Lookup<T> {
  /** A reading of performance.now(). */
  at: number;
  answer: Promise<T>;
}

const KEPT = 1_000;

/** Answers that several may share: what was asked for after `since` is as good as asking again. A failure is shared by those who wait for it. */
export class Lookups<T> {
  readonly #asked = new Lru<string, Lookup<T>>(KEPT);

  ask(key: string, since: number, look: () => Promise<T>): Promise<T> {
    const known = this.#asked.get(key);
    if (known !== undefined && known.at >= since) return known.answer;
    const lookup = { at: performance.now(), answer: look() };
    this.#asked.set(key, lookup);
    lookup.answer.catch(() => {
      if (this.#asked.get(key) === lookup) this.#asked.delete(key);
    });
    return lookup.answer;
  }
}

/** Stops waiting for a fetch when the signal aborts; it goes on for the others. */
export function untilCancelled<T>(fetch: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return unlessAborted(fetch, signal, (reason) => systemError('cancelled', 'the fetch was cancelled', reason));
}
