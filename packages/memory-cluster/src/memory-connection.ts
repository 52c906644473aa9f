import { unlessAborted } from '@plumb/api';
import type { Away, Connection, Load } from '@plumb/kube';

/** A connection that is lost and found when it is told so; nothing ever waits on it. */
export class MemoryConnection implements Connection {
  readonly load: Load = { window: 1, inFlight: 0, waiting: { emergency: 0, drift: 0, request: 0, background: 0 } };
  readonly #now: () => number;
  readonly #listeners = new Set<(away: Away | null) => void>();
  #away: Away | null = null;
  #back = Promise.withResolvers<void>();

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  get away(): Away | null {
    return this.#away;
  }

  get time(): number {
    return this.#now();
  }

  awayFor(): number {
    return this.#away === null ? 0 : this.#now() - this.#away.since;
  }

  listen(listener: (away: Away | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async back(signal?: AbortSignal): Promise<void> {
    if (this.#away !== null) await unlessAborted(this.#back.promise, signal);
  }

  /** @param error how it shows that the server is away; null: it is back */
  become(error: string | null): void {
    this.#back.resolve();
    this.#back = Promise.withResolvers<void>();
    this.#away = error === null ? null : { since: this.#now(), error };
    for (const listener of this.#listeners) listener(this.#away);
  }
}
