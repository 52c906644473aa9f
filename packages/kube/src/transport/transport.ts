import { PlumbError } from '@plumb/api';
import type { Access } from '../access/access.ts';
import type { RequestCounter } from '../cluster.ts';
import { readText, TooLargeError, type Body } from './body.ts';
import type { RequestWindow } from './window.ts';
import { WireError, type Exchange, type Head, type Headers, type Wire } from './wire.ts';

/** One call of the API. `verb` and `resource` are what it is counted under. */
export interface Call {
  readonly verb: string;
  readonly resource: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Headers;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** May be sent again when the connection is cut before an answer came. */
  readonly repeatable: boolean;
  /** Passes the queue: a lease must not wait behind the work it protects. */
  readonly urgent?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Head['headers'];
  readonly text: string;
}

export interface Stream {
  readonly status: number;
  readonly headers: Head['headers'];
  readonly body: Body;
  cancel(reason: Error): void;
}

export interface TransportLimits {
  /** Milliseconds from sending a request to its whole answer. */
  readonly timeout: number;
  /** Bytes of one response body. */
  readonly body: number;
}

const ATTEMPTS = 3;
const RENEWAL_PAUSE_MS = 5_000;

/** Sends calls over a wire: credentials, the bound on requests in flight, deadlines, safe repetition, counting. */
export class Transport {
  readonly #access: Access;
  readonly #wire: Wire;
  readonly #window: RequestWindow;
  readonly #limits: TransportLimits;
  readonly #counter: RequestCounter | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    access: Access,
    parts: { wire: Wire; window: RequestWindow; limits: TransportLimits; counter: RequestCounter | undefined },
  ) {
    this.#access = access;
    this.#wire = parts.wire;
    this.#window = parts.window;
    this.#limits = parts.limits;
    this.#counter = parts.counter;
  }

  /** Sends a call and reads the whole answer, whatever its status. @throws PlumbError when no answer came. */
  async send(call: Call): Promise<Answer> {
    if (call.signal?.aborted === true) throw cancelled(call);
    if (call.urgent === true) return this.#withRenewal(call, () => this.#answer(call));
    try {
      await this.#window.acquire(call.signal);
    } catch {
      throw cancelled(call);
    }
    try {
      return await this.#withRenewal(call, () => this.#answer(call));
    } finally {
      this.#window.release();
    }
  }

  /** Opens a response that lasts: a watch. It takes no place among the requests in flight. */
  async stream(call: Call): Promise<Stream> {
    return this.#withRenewal(call, () => this.#opened(call));
  }

  close(): void {
    this.#wire.close();
  }

  /** A 401 can mean that a token was rotated: credentials are read again, once. */
  async #withRenewal<A extends { status: number }>(call: Call, attempt: () => Promise<A>): Promise<A> {
    const first = await this.#repeat(call, attempt);
    if (first.status !== 401 || !this.#renew()) return first;
    return this.#repeat(call, attempt);
  }

  /** Not again at once: where credentials stay wrong, every request would cost a new connection. */
  #renew(): boolean {
    const now = performance.now();
    if (now - this.#renewedAt < RENEWAL_PAUSE_MS) return false;
    if (!this.#access.renew()) return false;
    this.#renewedAt = now;
    this.#wire.retire();
    return true;
  }

  async #repeat<A>(call: Call, attempt: () => Promise<A>): Promise<A> {
    for (let left = ATTEMPTS - 1; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof TooLargeError) throw unavailable(call, error);
        if (!(error instanceof WireError)) throw error;
        const harmless = error.loss === 'unprocessed' || (error.loss === 'unknown' && call.repeatable);
        if (left === 0 || !harmless || call.signal?.aborted === true) throw unavailable(call, error);
      }
    }
  }

  async #answer(call: Call): Promise<Answer> {
    const started = performance.now();
    let status = 0;
    const limiter = new Limiter(call, this.#limits.timeout);
    try {
      const head = await this.#start(call, limiter);
      const text = await readText(head, this.#limits.body);
      status = head.status;
      return { status, headers: head.headers, text };
    } finally {
      limiter.stop();
      const elapsed = performance.now() - started;
      this.#window.feedback(elapsed, status);
      this.#counter?.count(call.verb, call.resource, status, elapsed / 1_000);
    }
  }

  async #opened(call: Call): Promise<Stream> {
    const started = performance.now();
    let status = 0;
    const limiter = new Limiter(call, this.#limits.timeout);
    try {
      const head = await this.#start(call, limiter);
      status = head.status;
      head.stream.on('error', () => {});
      return { status, headers: head.headers, body: head, cancel: (reason) => limiter.cancel(reason) };
    } finally {
      limiter.stop();
      this.#counter?.count(call.verb, call.resource, status, (performance.now() - started) / 1_000);
    }
  }

  async #start(call: Call, limiter: Limiter): Promise<Head> {
    let credentials = this.#access.headers();
    if (credentials instanceof Promise) credentials = await limiter.race(credentials);
    let channel = this.#wire.channel();
    if (channel instanceof Promise) channel = await limiter.race(channel);
    const headers = { ...credentials, ...call.headers };
    const exchange = channel.start({ method: call.method, path: call.path, headers, body: call.body });
    limiter.watch(exchange);
    return exchange.head;
  }
}

/** Ends a call at its deadline or when its signal aborts, in whatever step it is. */
class Limiter {
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

export function cancelled(call: Pick<Call, 'verb' | 'resource'>): PlumbError {
  return new PlumbError('cancelled', `${call.verb} ${call.resource}: cancelled`, { fault: 'system', policy: 'retry' });
}

function timedOut(call: Call, timeout: number): PlumbError {
  const message = `${call.verb} ${call.resource}: no answer from the API server within ${timeout / 1_000} s`;
  return new PlumbError('timeout', message, { fault: 'system', policy: 'retry' });
}

function unavailable(call: Call, cause: Error): PlumbError {
  const message = `${call.verb} ${call.resource}: ${cause.message}`;
  return new PlumbError('api-unavailable', message, { fault: 'system', policy: 'retry', cause });
}
