import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export type Headers = Record<string, string | string[]>;

export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: string | undefined;
}

export interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: Readable;
  /** After the stream has ended: whether the server ended it. A lost HTTP/2 connection looks like an end too. */
  complete(): boolean;
}

/** One request under way. `cancel` may be called at any time, also after the head is in: the body then fails with `reason`. */
export interface Exchange {
  readonly head: Promise<Head>;
  cancel(reason: Error): void;
}

/** A connection that can take a request at once. */
export interface Channel {
  start(request: WireRequest): Exchange;
}

/** One way to reach a server: HTTP/2 over one connection, or HTTP/1.1 over a pool of them. */
export interface Wire {
  channel(): Channel | Promise<Channel>;
  /** Opens new connections from now on; requests under way finish on the old ones. */
  retire(): void;
  close(): void;
}

/**
 * What a failed connection means for its request.
 * `unreachable`: there is no server to send it to. `unprocessed`: the server surely did nothing, so any request may be sent again.
 * `unknown`: it may have been carried out.
 */
export type Loss = 'unreachable' | 'unprocessed' | 'unknown';

export class WireError extends Error {
  readonly loss: Loss;

  constructor(message: string, loss: Loss, cause?: unknown) {
    super(message, { cause });
    this.name = 'WireError';
    this.loss = loss;
  }
}
