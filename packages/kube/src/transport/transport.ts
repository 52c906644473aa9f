import { setTimeout as sleep } from 'node:timers/promises';
import { PlumbError } from '@plumb/api';
import type { Access } from '../access/access.ts';
import type { Connection, Guard, Priority, RequestCounter } from '../cluster.ts';
import { readText, TooLargeError, type Body } from './body.ts';
import { cancelled, unavailable } from './errors.ts';
import { Limiter } from './limiter.ts';
import { Reachability } from './reachability.ts';
import { retryAfterOf } from './retry-after.ts';
import { ServerTime } from './server-time.ts';
import type { RequestWindow } from './window.ts';
import { WireError, type Head, type Headers, type Wire } from './wire.ts';

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
  readonly priority: Priority;
  /** Passes the queue: a lease must not wait behind the work it protects. */
  readonly urgent?: boolean;
  /** Has the last word, each time the call is sent. */
  readonly guard?: Guard;
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
const PROBE_TIMEOUT_MS = 10_000;
/** The server was given rest this often in a row, and there was still no answer but errors: it counts as away. */
const RESTS_UNTIL_AWAY = 4;
/** Watches that waited for the server are opened again spread over this time. */
const WATCH_SPREAD_MS = 1_000;
/** Server-side apply wraps what is wrong with an object, and what a webhook failed with, into a 500 (KEP-555, admission webhooks). */
const OF_THE_OBJECT = /failed to (create typed patch object|convert new object)|failed calling webhook/;

/** Sends calls over a wire: credentials, the bound on requests in flight, deadlines, safe repetition, counting. */
export class Transport {
  readonly #access: Access;
  readonly #wire: Wire;
  readonly #window: RequestWindow;
  readonly #limits: TransportLimits;
  readonly #counter: RequestCounter | undefined;
  readonly #headers: Headers;
  readonly #reachability = new Reachability(() => this.#probe());
  readonly #time = new ServerTime();
  /** What users of the connection may see of it. */
  readonly connection: Connection;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    access: Access,
    parts: {
      wire: Wire;
      window: RequestWindow;
      limits: TransportLimits;
      counter: RequestCounter | undefined;
      /** Headers of the probe for a server that is away. */
      headers: Headers;
    },
  ) {
    this.#access = access;
    this.#wire = parts.wire;
    this.#window = parts.window;
    this.#limits = parts.limits;
    this.#counter = parts.counter;
    this.#headers = parts.headers;
    this.connection = connectionOf(this.#reachability, this.#window, this.#time);
    this.#reachability.listen((away) => (away === null ? this.#window.open() : this.#window.shut()));
  }

  /** Sends a call and reads the whole answer, whatever its status. @throws PlumbError when no answer came. */
  async send(call: Call): Promise<Answer> {
    if (call.signal?.aborted === true) throw cancelled(call);
    if (call.urgent === true) return this.#withRenewal(call, () => this.#answer(call));
    if (!this.#window.tryEnter(call.priority)) await this.#waitForPlace(call);
    try {
      return await this.#withRenewal(call, () => this.#answer(call));
    } finally {
      this.#window.leave(call.priority);
    }
  }

  /** Opens a response that lasts: a watch. It takes no place among the requests in flight. */
  async stream(call: Call): Promise<Stream> {
    await this.#waitForCalm(call);
    return this.#withRenewal(call, () => this.#opened(call));
  }

  close(): void {
    this.#reachability.close();
    this.#wire.close();
    // Those who still wait learn it at once.
    this.#window.open();
  }

  /** While the server is there, a place comes by itself; while it is away, a caller waits as long as it would for an answer. */
  async #waitForPlace(call: Call): Promise<void> {
    const ended = new AbortController();
    const abort = (): void => ended.abort(cancelled(call));
    const lookUp = setInterval(() => {
      if (this.#reachability.awayFor() >= this.#limits.timeout) ended.abort(this.#awayError(call));
    }, this.#limits.timeout);
    call.signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#window.enter(call.priority, ended.signal);
    } finally {
      clearInterval(lookUp);
      call.signal?.removeEventListener('abort', abort);
    }
  }

  async #waitForCalm(call: Call): Promise<void> {
    const { signal } = call;
    try {
      while (this.#reachability.away !== null) {
        await this.#reachability.back(signal);
        await sleep(Math.random() * WATCH_SPREAD_MS, undefined, { signal });
      }
      if (this.#window.hold > 0) await sleep(this.#window.hold, undefined, { signal });
    } catch {
      throw cancelled(call);
    }
  }

  async #probe(): Promise<void> {
    const call = { verb: 'get', resource: 'readyz', method: 'GET', path: '/readyz', priority: 'request' } as const;
    const signal = AbortSignal.timeout(Math.min(PROBE_TIMEOUT_MS, this.#limits.timeout));
    const { status } = await this.#answer({ ...call, headers: this.#headers, repeatable: false, signal });
    if (status >= 500 || status === 429) throw new Error(`not ready: HTTP ${status}`);
  }

  #awayError(call: Call): PlumbError {
    const away = this.#reachability.away;
    const since = new Date(away?.since ?? Date.now()).toISOString();
    const message = `${call.verb} ${call.resource}: the API server has not answered since ${since}: ${away?.error ?? ''}`;
    return new PlumbError('api-unavailable', message, { fault: 'system', policy: 'retry' });
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
        if (error.loss === 'unknown')
          await sleep(this.#window.hold, undefined, { signal: call.signal }).catch(() => {});
      }
    }
  }

  #answer(call: Call): Promise<Answer> {
    return this.#try(call, async (head) => {
      const text = await readText(head, this.#limits.body);
      return { status: head.status, headers: head.headers, text };
    });
  }

  #opened(call: Call): Promise<Stream> {
    return this.#try(call, (head, limiter) => {
      head.stream.on('error', () => {});
      const cancel = (reason: Error): void => limiter.cancel(reason);
      return { status: head.status, headers: head.headers, body: head, cancel };
    });
  }

  /** Sends a call once. It is counted, and what becomes of it tells of the server. */
  async #try<A extends Pick<Answer, 'status' | 'headers'>>(
    call: Call,
    take: (head: Head, limiter: Limiter) => A | Promise<A>,
  ): Promise<A> {
    const started = performance.now();
    let status = 0;
    const limiter = new Limiter(call, this.#limits.timeout);
    try {
      const answer = await take(await this.#start(call, limiter), limiter);
      status = answer.status;
      this.#learn(call, started, answer);
      return answer;
    } catch (error) {
      this.#learnLoss(call, started, error);
      throw error;
    } finally {
      limiter.stop();
      this.#counter?.count(call.verb, call.resource, status, (performance.now() - started) / 1_000);
    }
  }

  #learn({ verb }: Call, sentAt: number, answer: Pick<Answer, 'status' | 'headers'> & { text?: string }): void {
    const { status, headers, text = '' } = answer;
    if (status < 500) this.#time.learn(headers['date']);
    const harmless = status === 500 && OF_THE_OBJECT.test(text);
    this.#window.learn({ verb, sentAt, status, retryAfter: retryAfterOf(headers['retry-after']), harmless });
    if (status < 500) this.#reachability.found();
    else if (this.#window.squeezes >= RESTS_UNTIL_AWAY) this.#reachability.lost(`HTTP ${status}`);
  }

  /** What the caller or the server ended in good order says nothing of the server. */
  #learnLoss({ verb }: Call, sentAt: number, error: unknown): void {
    const timeout = error instanceof PlumbError && error.code === 'timeout';
    const loss = error instanceof WireError ? error.loss : undefined;
    if (loss === 'unreachable') this.#reachability.lost((error as WireError).message);
    if (!timeout && loss !== 'unknown') return;
    this.#window.learn({ verb, sentAt, status: 0 });
    if (this.#window.squeezes >= RESTS_UNTIL_AWAY) this.#reachability.lost((error as Error).message);
  }

  async #start(call: Call, limiter: Limiter): Promise<Head> {
    let credentials = this.#access.headers();
    if (credentials instanceof Promise) credentials = await limiter.race(credentials);
    let channel = this.#wire.channel();
    if (channel instanceof Promise) channel = await limiter.race(channel);
    const headers = { ...credentials, ...call.headers };
    const path = guardedPath(call);
    const exchange = channel.start({ method: call.method, path, headers, body: call.body });
    limiter.watch(exchange);
    return exchange.head;
  }
}

/** Nothing may come between the guard's word and the sending. */
function guardedPath({ guard, path }: Call): string {
  if (guard === undefined) return path;
  const timeout = Math.floor(guard());
  return `${path}${path.includes('?') ? '&' : '?'}timeout=${timeout}ms`;
}

function connectionOf(reachability: Reachability, window: RequestWindow, time: ServerTime): Connection {
  return {
    get away() {
      return reachability.away;
    },
    get load() {
      return window.load;
    },
    get time() {
      return time.now;
    },
    awayFor: () => reachability.awayFor(),
    listen: (listener) => reachability.listen(listener),
    back: (signal) => reachability.back(signal),
  };
}
