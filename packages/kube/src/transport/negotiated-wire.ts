import type { TLSSocket } from 'node:tls';
import type { Access } from '../access/access.ts';
import { dial } from './dial.ts';
import { Http1Wire } from './http1-wire.ts';
import { Http2Wire, type KeepAlive } from './http2-wire.ts';
import { WireError, type Channel, type Wire } from './wire.ts';

/** HTTP/2 where the server takes it (ALPN), HTTP/1.1 where it does not, and for plain `http://`. */
export class NegotiatedWire implements Wire {
  readonly #access: Access;
  readonly #keepAlive: KeepAlive;
  #chosen: Wire | undefined;
  #choosing: Promise<Wire> | undefined;
  #closed = false;

  constructor(access: Access, keepAlive: KeepAlive) {
    this.#access = access;
    this.#keepAlive = keepAlive;
  }

  channel(): Channel | Promise<Channel> {
    if (this.#closed) return Promise.reject(new WireError('the connection was closed', 'unreachable'));
    return this.#chosen === undefined ? this.#negotiate() : this.#chosen.channel();
  }

  retire(): void {
    this.#chosen?.retire();
  }

  close(): void {
    this.#closed = true;
    this.#chosen?.close();
  }

  async #negotiate(): Promise<Channel> {
    this.#choosing ??= this.#choose().finally(() => {
      this.#choosing = undefined;
    });
    const wire = await this.#choosing;
    if (this.#closed) {
      wire.close();
      throw new WireError('the connection was closed', 'unreachable');
    }
    this.#chosen = wire;
    return wire.channel();
  }

  async #choose(): Promise<Wire> {
    const { server, proxy } = this.#access;
    if (server.protocol === 'http:') return this.#http1();
    const socket = await dial(server, await this.#access.tls(), { proxy });
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return this.#http1();
    }
    const wire = new Http2Wire(server, () => this.#dialHttp2(), this.#keepAlive);
    wire.adopt(socket);
    return wire;
  }

  #http1(): Wire {
    const { server, proxy } = this.#access;
    return new Http1Wire(server, () => this.#access.tls(), proxy);
  }

  /** A server that no longer speaks HTTP/2 (a proxy came between) is negotiated with anew. */
  async #dialHttp2(): Promise<TLSSocket> {
    const { server, proxy } = this.#access;
    const socket = await dial(server, await this.#access.tls(), { proxy });
    if (socket.alpnProtocol === 'h2') return socket;
    socket.destroy();
    this.#chosen = undefined;
    throw new WireError(`${server.host} no longer speaks HTTP/2`, 'unprocessed');
  }
}
