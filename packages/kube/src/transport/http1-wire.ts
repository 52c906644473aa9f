import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { callbackify } from 'node:util';
import type { TlsMaterial } from '../access/access.ts';
import { dial } from './dial.ts';
import { hostOf, portOf } from './host.ts';
import { WireError, type Channel, type Exchange, type Head, type Wire, type WireRequest } from './wire.ts';

const TCP_KEEP_ALIVE_MS = 30_000;

/** HTTP/1.1 over a pool of kept connections: for proxies that speak nothing newer, and for plain `http://` servers. */
export class Http1Wire implements Wire, Channel {
  readonly #server: URL;
  readonly #material: () => Promise<TlsMaterial>;
  readonly #proxy: URL | undefined;
  #agent: HttpAgent | HttpsAgent | undefined;

  constructor(server: URL, material: () => Promise<TlsMaterial>, proxy?: URL) {
    this.#server = server;
    this.#material = material;
    this.#proxy = proxy;
  }

  async channel(): Promise<Channel> {
    this.#agent ??= await this.#newAgent();
    return this;
  }

  retire(): void {
    this.#agent = undefined;
  }

  close(): void {
    this.#agent?.destroy();
  }

  start(request: WireRequest): Exchange {
    const head = Promise.withResolvers<Head>();
    head.promise.catch(() => {});
    const sent = this.#request(request);
    let answer: IncomingMessage | undefined;
    sent.once('response', (response) => {
      answer = response;
      response.on('error', () => {});
      const status = response.statusCode ?? 0;
      head.resolve({ status, headers: response.headers, stream: response, complete: () => response.complete });
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error instanceof WireError) {
        head.reject(error);
        return;
      }
      const loss = error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND' ? 'unreachable' : 'unknown';
      head.reject(new WireError(`connection to ${this.#server.host} failed: ${error.message}`, loss, error));
    });
    sent.end(request.body);
    const cancel = (reason: Error): void => {
      head.reject(reason);
      // The connection of an answer that is whole belongs to the next request already.
      if (answer?.complete === true) return;
      if (answer === undefined) sent.destroy(reason);
      else answer.destroy(reason);
    };
    return { head: head.promise, cancel };
  }

  #request(request: WireRequest): ClientRequest {
    const { method, path, body } = request;
    // Node.js frames no body of a DELETE: without its length, a server would carry it out without its conditions and take them for another request.
    const framed = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const headers = { ...request.headers, ...framed };
    const options = {
      host: hostOf(this.#server),
      port: portOf(this.#server),
      method,
      path,
      headers,
      agent: this.#agent,
    };
    return this.#server.protocol === 'http:' ? requestHttp(options) : requestHttps(options);
  }

  async #newAgent(): Promise<HttpAgent | HttpsAgent> {
    const keep = { keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE_MS };
    if (this.#server.protocol === 'http:') return new HttpAgent(keep);
    const material = await this.#material();
    const host = hostOf(this.#server);
    const agent = new HttpsAgent({
      ...keep,
      ...material,
      servername: material.servername ?? (isIP(host) === 0 ? host : ''),
    });
    const proxy = this.#proxy;
    if (proxy === undefined) return agent;
    const open = callbackify(() => dial(this.#server, material, { proxy, protocols: ['http/1.1'] }));
    agent.createConnection = (_options, done) => {
      open((error, socket) => done?.(error, socket));
      return undefined;
    };
    return agent;
  }
}
