import { cancelled } from '../transport/errors.ts';

/** Lists under way at once on one connection: each may be megabytes to the API server, and more at once get none done sooner. */
const AT_ONCE = 4;

/** Lets one list per kind run at a time, and few in all: after an outage or a restart every kind is listed again. */
export class ListGate {
  readonly #running = new Set<string>();
  readonly #waiting = new Set<{ kind: string; admit: () => void }>();

  /** @throws cancelled when the signal aborts before the task has begun */
  async run<T>(kind: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    if (signal?.aborted === true) throw cancelled({ verb: 'list', resource: kind });
    if (this.#mayRun(kind)) this.#running.add(kind);
    else await this.#turn(kind, signal);
    try {
      return await task();
    } finally {
      this.#running.delete(kind);
      this.#admit();
    }
  }

  #mayRun(kind: string): boolean {
    return this.#running.size < AT_ONCE && !this.#running.has(kind);
  }

  #turn(kind: string, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      this.#waiting.delete(waiter);
      reject(cancelled({ verb: 'list', resource: kind }));
    };
    const waiter = {
      kind,
      admit: () => {
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(waiter);
        this.#running.add(kind);
        resolve();
      },
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.add(waiter);
    return promise;
  }

  #admit(): void {
    for (const waiter of this.#waiting) if (this.#mayRun(waiter.kind)) waiter.admit();
  }
}
