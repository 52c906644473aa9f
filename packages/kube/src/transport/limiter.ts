import { cancelled, timedOut } from './errors.ts';
import type { Call } from './transport.ts';
import type { Exchange } from './wire.ts';

/** Ends a call at its deadline or when its signal aborts, in whatever step it is. */
export class Limiter {
  readonly #call: Call;
  readonly #timer: NodeJS.Timeout;
  readonly #abort: () => void;
  #ended: PromiseWithResolvers<never> | undefined;
  #reason: Error | undefined;
  #exchange: Exchange | undefined;

  constructor(call: Call, timeout: number) {
    this.#call = call;
    this.#timer = setTimeout(() => this.cancel(timedOut(call, timeout)), timeout);
    this.#abort = () => this.cancel(cancelled(call));
    call.signal?.addEventListener('abort', this.#abort, { once: true });
    if (call.signal?.aborted === true) this.cancel(cancelled(call));
  }

  /** For what comes before the request is sent; after that, cancelling the exchange ends it. */
  race<T>(step: Promise<T>): Promise<T> {
    this.#ended ??= Promise.withResolvers<never>();
    if (this.#reason !== undefined) this.#ended.reject(this.#reason);
    return Promise.race([step, this.#ended.promise]);
  }

  watch(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#reason !== undefined) exchange.cancel(this.#reason);
  }

  cancel(reason: Error): void {
    this.#reason ??= reason;
    this.#ended?.reject(reason);
    this.#exchange?.cancel(reason);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#call.signal?.removeEventListener('abort', this.#abort);
  }
}
