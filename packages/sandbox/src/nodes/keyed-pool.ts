import { PlumbError } from '@plumb/api';

export interface KeyedPoolOptions {
  /** Handlers running at one time. */
  width: number;
  /** Works on the newest state of one key; it is read when the call starts. */
  handle: (key: string) => Promise<void>;
  onError: (error: unknown, key: string) => void;
}

const RETRY = 1000;

/**
 * Runs a handler per key: never twice at once for the same key, once more when the key is added while its handler runs, again
 * after a second when the handler fails for a reason that may pass. A conflict or a vanished object needs no retry: the watch
 * brings the state that caused it.
 */
export class KeyedPool {
  readonly #options: KeyedPoolOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(options: KeyedPoolOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#waiting.add(key);
    this.#fill();
  }

  /** Adds the key later. One time is kept for each key: the newest. */
  addAfter(key: string, milliseconds: number): void {
    this.cancel(key);
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, milliseconds);
    this.#timers.set(key, timer);
  }

  /** Forgets what `addAfter` planned. */
  cancel(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  /** Resolves when the handlers that run have ended; the waiting ones never start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.width) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#options.handle(key);
    } catch (error) {
      if (!this.#closed && !passes(error)) {
        this.#options.onError(error, key);
        this.addAfter(key, RETRY);
      }
    } finally {
      this.#running.delete(key);
      this.#fill();
    }
  }
}

function passes(error: unknown): boolean {
  return error instanceof PlumbError && (error.code === 'api-conflict' || error.code === 'api-not-found');
}
