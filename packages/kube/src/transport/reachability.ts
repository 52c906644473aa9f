import { setTimeout as sleep } from 'node:timers/promises';
import { unlessAborted } from '@plumb/api';
import type { Away } from '../cluster.ts';

const FIRST_PROBE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

type Listener = (away: Away | null) => void;

/**
 * Whether the API server is there. While it is away one probe at a time asks for it, every 5 s at most, and everything else
 * waits: what the outage costs the server's return does not grow with the work that piled up.
 */
export class Reachability {
  readonly #probe: () => Promise<void>;
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  #away: (Away & { readonly mark: number }) | null = null;
  #back = Promise.withResolvers<void>();

  /** @param probe resolves when the server answers */
  constructor(probe: () => Promise<void>) {
    this.#probe = probe;
  }

  get away(): Away | null {
    return this.#away === null ? null : { since: this.#away.since, error: this.#away.error };
  }

  /** Milliseconds the server has been away; 0 when it is there. */
  awayFor(): number {
    return this.#away === null ? 0 : performance.now() - this.#away.mark;
  }

  /** @returns ends the listening */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the server is there. Rejects with the signal's reason when it aborts before. */
  async back(signal?: AbortSignal): Promise<void> {
    if (this.#away !== null) await unlessAborted(this.#back.promise, signal);
  }

  lost(error: string): void {
    if (this.#away !== null || this.#stop.signal.aborted) return;
    this.#away = { since: Date.now(), error, mark: performance.now() };
    this.#back = Promise.withResolvers<void>();
    this.#tell();
    void this.#watch();
  }

  /** An answer came after all, on a request that did not wait. */
  found(): void {
    if (this.#away === null) return;
    this.#away = null;
    this.#tell();
    this.#back.resolve();
  }

  close(): void {
    this.#stop.abort();
    this.#back.resolve();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    for (let pause = FIRST_PROBE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const jittered = pause * (0.5 + Math.random() / 2);
      await sleep(jittered, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted || this.#away === null) return;
      const there = await this.#probe().then(
        () => true,
        () => false,
      );
      if (there) return this.found();
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.away);
  }
}
