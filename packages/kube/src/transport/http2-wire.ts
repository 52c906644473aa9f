import { connect, constants, type ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { WireError, type Channel, type Exchange, type Head, type Wire, type WireRequest } from './wire.ts';

const STREAM_WINDOW = 16 * 1024 * 1024;
const CONNECTION_WINDOW = 64 * 1024 * 1024;

export interface KeepAlive {
  /** Milliseconds between PING frames. */
  readonly interval: number;
  /** Milliseconds a PING may stay unanswered before the connection counts as dead. */
  readonly deadline: number;
}

/**
 * HTTP/2 to one server over one connection. A further one is opened only when the server's stream limit is reached, and a
 * new one when the old goes away: by GOAWAY, by an unanswered PING or because it was cut.
 */
export class Http2Wire implements Wire {
  readonly #authority: string;
  readonly #dial: () => Promise<TLSSocket>;
  readonly #keepAlive: KeepAlive;
  #connections: Connection[] = [];
  #opening: Promise<Connection> | undefined;
  #closed = false;

  constructor(server: URL, dial: () => Promise<TLSSocket>, keepAlive: KeepAlive) {
    this.#authority = server.origin;
    this.#dial = dial;
    this.#keepAlive = keepAlive;
  }

  /** Takes a socket that was opened to learn the protocol. */
  adopt(socket: TLSSocket): Connection {
    const connection = new Connection(connectOver(this.#authority, socket), this.#keepAlive);
    this.#connections.push(connection);
    connection.onGone(() => {
      this.#connections = this.#connections.filter((other) => other !== connection);
    });
    return connection;
  }

  channel(): Channel | Promise<Channel> {
    for (const connection of this.#connections) {
      if (connection.hasRoom()) return connection;
    }
    return this.#open();
  }

  retire(): void {
    const old = this.#connections;
    this.#connections = [];
    for (const connection of old) connection.drain();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
    this.#connections = [];
  }

  async #open(): Promise<Channel> {
    this.#opening ??= this.#dial()
      .then((socket) => this.adopt(socket))
      .finally(() => {
        this.#opening = undefined;
      });
    const connection = await this.#opening;
    if (this.#closed) {
      connection.destroy();
      throw new WireError('the connection was closed', 'unreachable');
    }
    return connection.hasRoom() ? connection : this.channel();
  }
}

function connectOver(authority: string, socket: TLSSocket): ClientHttp2Session {
  const session = connect(authority, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
  });
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
  return session;
}

class Connection implements Channel {
  readonly #session: ClientHttp2Session;
  readonly #timer: NodeJS.Timeout;
  #streams = 0;
  #lastStream = Number.POSITIVE_INFINITY;
  #failure: Error | undefined;

  constructor(session: ClientHttp2Session, keepAlive: KeepAlive) {
    this.#session = session;
    this.#timer = setInterval(() => this.#ping(keepAlive.deadline), keepAlive.interval);
    this.#timer.unref();
    session.on('error', (error: Error) => {
      this.#failure = error;
    });
    session.on('goaway', (_code, lastStreamId) => {
      this.#lastStream = lastStreamId;
    });
    session.on('close', () => clearInterval(this.#timer));
  }

  onGone(listener: () => void): void {
    this.#session.once('close', listener);
    this.#session.once('goaway', listener);
  }

  hasRoom(): boolean {
    const limit = this.#session.remoteSettings?.maxConcurrentStreams ?? 100;
    return !this.#session.closed && !this.#session.destroyed && this.#streams < limit;
  }

  drain(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  start(request: WireRequest): Exchange {
    const headers = { ':method': request.method, ':path': request.path, ...request.headers };
    const head = Promise.withResolvers<Head>();
    head.promise.catch(() => {});
    let stream;
    try {
      stream = this.#session.request(headers, { endStream: request.body === undefined });
    } catch (error) {
      head.reject(new WireError(`connection lost: ${messageOf(error)}`, 'unprocessed', error));
      return { head: head.promise, cancel: () => {} };
    }
    const opened = stream;
    let failure: Error | undefined;
    let answered = false;
    this.#streams += 1;
    opened.once('response', (fields) => {
      answered = true;
      head.resolve({
        status: fields[':status'] ?? 0,
        headers: fields,
        stream: opened,
        complete: () => opened.rstCode === constants.NGHTTP2_NO_ERROR,
      });
    });
    opened.on('error', (error: Error) => {
      failure = error;
    });
    opened.once('close', () => {
      this.#streams -= 1;
      if (!answered) head.reject(this.#lost(failure, opened.id, opened.rstCode));
    });
    if (request.body !== undefined) opened.end(request.body);
    const cancel = (reason: Error): void => {
      head.reject(reason);
      opened.close(constants.NGHTTP2_CANCEL);
      opened.destroy(reason);
    };
    return { head: head.promise, cancel };
  }

  /** What a stream that ended without a response means: RFC 9113 §6.8 and §8.7 name the cases that are safe to repeat. */
  #lost(failure: Error | undefined, id: number | undefined, rstCode: number | undefined): WireError {
    const unprocessed = id === undefined || id > this.#lastStream || rstCode === constants.NGHTTP2_REFUSED_STREAM;
    const cause = this.#failure ?? failure;
    return new WireError(
      `connection lost: ${cause === undefined ? 'closed by the server' : messageOf(cause)}`,
      unprocessed ? 'unprocessed' : 'unknown',
      cause,
    );
  }

  #ping(deadline: number): void {
    if (this.#session.destroyed) return;
    const timer = setTimeout(() => {
      this.#session.destroy(new Error(`no answer to PING within ${deadline} ms`));
    }, deadline);
    timer.unref();
    const sent = this.#session.ping(() => clearTimeout(timer));
    if (!sent) clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
