import { selfSigned } from '@plumb/sandbox';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
// oxlint-disable-next-line no-restricted-imports -- it stands where the network is, and speaks as it does.
import { constants, createSecureServer } from 'node:http2';
// oxlint-disable-next-line no-restricted-imports -- it stands where the network is, and speaks as it does.
import type { ClientHttp2Stream, Http2SecureServer, ServerHttp2Stream } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { drawEventFault, drawRequestFault, kindOf } from './faults.ts';
import type { EventFault, FaultMix, RequestFault } from './faults.ts';
import { seededRandom } from './random.ts';
import { HOP_BY_HOP, Upstream } from './upstream.ts';
import { relayWatch } from './watch-relay.ts';

/** One for the whole process: making it takes no time, but each proxy may as well trust the same. */
const PAIR = selfSigned(['localhost', '127.0.0.1']);

export interface ChaosOptions {
  /** Kubeconfig of the API server, as the control plane writes it. */
  kubeconfig: string;
  /** Where the proxy's own kubeconfig is written. */
  dir: string;
  seed: number;
  /** Speak HTTP/1.1 only. Default: HTTP/2. */
  http1?: boolean;
}

/** Answers made here, in place of the API server's. */
const REFUSALS: Partial<Record<RequestFault, { code: number; reason: string; headers?: Record<string, string> }>> = {
  gone: { code: 410, reason: 'Expired' },
  conflict: { code: 409, reason: 'Conflict' },
  throttled: { code: 429, reason: 'TooManyRequests', headers: { 'retry-after': '1' } },
  refused: { code: 429, reason: 'TooManyRequests' },
  'error-500': { code: 500, reason: 'InternalError' },
  'unavailable-503': { code: 503, reason: 'ServiceUnavailable' },
};
const REMEMBERED_LISTS = 4;

/**
 * Stands between a client and an API server, ends TLS and goes wrong as it is told, repeatably: what befalls the n-th request depends
 * on the seed only. It acts upstream as the kubeconfig's user whoever asks.
 */
export class ChaosProxy {
  readonly #upstream: Upstream;
  readonly #server: Http2SecureServer | Server;
  readonly #random: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #lists = new Map<string, string[]>();
  #mix: FaultMix = {};
  /** How far the time of day that answers tell is from that of the API server. Milliseconds. */
  shift = 0;
  /** Path of a kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** When requests came, in milliseconds of `performance.now()`. */
  readonly arrivals: number[] = [];
  /** What has gone wrong so far. */
  readonly happened = new Map<RequestFault | EventFault, number>();

  private constructor(upstream: Upstream, options: ChaosOptions) {
    this.#upstream = upstream;
    this.#random = seededRandom(options.seed);
    this.kubeconfig = join(options.dir, `chaos-${options.seed}.kubeconfig`);
    const tls = { key: PAIR.key, cert: PAIR.certificate };
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = options.http1 === true ? createHttps(tls, handle) : createSecureServer(tls, handle as never);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('sessionError', () => undefined);
  }

  static async start(options: ChaosOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(await Upstream.of(options.kubeconfig), options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const { port } = proxy.#server.address() as AddressInfo;
    const cluster = {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority-data': Buffer.from(PAIR.certificate).toString('base64'),
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'chaos',
      contexts: [{ name: 'chaos', context: { cluster: 'chaos', user: 'chaos' } }],
      clusters: [{ name: 'chaos', cluster }],
      users: [{ name: 'chaos', user: {} }],
    };
    await writeFile(proxy.kubeconfig, JSON.stringify(config));
    return proxy;
  }

  /** From now on this goes wrong; nothing, where it is empty. */
  set(mix: FaultMix): void {
    this.#mix = mix;
  }

  /** Cuts every connection there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The most requests that came within any one second since `from`, a time of `performance.now()`. */
  peakRate(from: number, to: number = performance.now()): number {
    const within = this.arrivals.filter((at) => at >= from && at <= to);
    let [peak, start] = [0, 0];
    for (const [end, at] of within.entries()) {
      while (at - (within[start] ?? at) > 1_000) start += 1;
      peak = Math.max(peak, end - start + 1);
    }
    return peak;
  }

  async close(): Promise<void> {
    this.cut();
    this.#upstream.close();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.arrivals.push(performance.now());
    response.on('error', () => undefined);
    const { method = 'GET', url = '/' } = request;
    const kind = kindOf(method, url);
    const fault = this.#noted(drawRequestFault(this.#mix, kind, this.#random));
    const body = await readBody(request).catch(() => null);
    if (body === null) return;
    const refusal = fault === null ? undefined : REFUSALS[fault];
    if (refusal !== undefined) return refuse(response, refusal);
    if (fault === 'cut-before') return this.#cutOne(response);
    if (fault === 'delay') await sleep(50 + this.#random() * 750);
    // Whoever asked has given up.
    if (response.destroyed) return;
    if (fault === 'stale-list' && this.#answerStale(url, response)) return;
    const answer = this.#upstream.request({ method, path: url, headers: request.headers, body });
    answer.on('error', () => response.destroy());
    response.once('close', () => answer.destroy());
    if (kind.watch) return this.#watch(answer, response);
    await this.#relay({ answer, response, fault, list: kind.list ? url : null });
  }

  #watch(answer: ClientHttp2Stream, response: ServerResponse): void {
    answer.once('response', (headers) => {
      response.writeHead(headers[':status'] ?? 502, this.#passedOn(headers));
      relayWatch(answer, response, () => this.#noted(drawEventFault(this.#mix, this.#random)));
    });
  }

  async #relay(exchange: {
    answer: ClientHttp2Stream;
    response: ServerResponse;
    fault: RequestFault | null;
    list: string | null;
  }): Promise<void> {
    const { answer, response, fault, list } = exchange;
    const [headers] = (await once(answer, 'response').catch(() => [])) as [Record<string, string>?];
    const body = headers === undefined ? null : await readBody(answer).catch(() => null);
    if (headers === undefined || body === null) return void response.destroy();
    const status = Number(headers[':status']);
    if (list !== null && status === 200) this.#remember(list, body.toString());
    if (fault === 'cut-after') return this.#cutOne(response);
    const half = body.subarray(0, body.length / 2);
    const passed = this.#passedOn(headers);
    if (fault === 'truncated') delete passed['content-length'];
    response.writeHead(status, passed);
    if (fault === 'cut-midway') response.write(half, () => this.#cutOne(response));
    else response.end(fault === 'truncated' ? half : body);
  }

  /** Cuts the one exchange, or the whole connection with everything else on it. */
  #cutOne(response: ServerResponse): void {
    const all = this.#random() < 0.5;
    const { stream } = response as unknown as { stream?: ServerHttp2Stream };
    if (stream === undefined) response.socket?.destroy();
    else if (all) stream.session?.destroy();
    else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  #passedOn(headers: object): Record<string, string> {
    const kept = Object.entries(headers).filter(([name]) => !name.startsWith(':') && !HOP_BY_HOP.has(name));
    const passed = Object.fromEntries(kept) as Record<string, string>;
    const { date } = passed;
    return date === undefined ? passed : { ...passed, date: new Date(Date.parse(date) + this.shift).toUTCString() };
  }

  #remember(url: string, body: string): void {
    const known = this.#lists.get(url) ?? [];
    this.#lists.set(url, [...known, body].slice(-REMEMBERED_LISTS));
  }

  #answerStale(url: string, response: ServerResponse): boolean {
    const body = this.#lists.get(url)?.[0];
    if (body === undefined) return false;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(body);
    return true;
  }

  #noted<F extends RequestFault | EventFault>(fault: F | null): F | null {
    if (fault !== null) this.happened.set(fault, (this.happened.get(fault) ?? 0) + 1);
    return fault;
  }
}

async function readBody(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function refuse(
  response: ServerResponse,
  { code, reason, headers = {} }: { code: number; reason: string; headers?: Record<string, string> },
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `${reason}, by chance` };
  response.end(JSON.stringify(status));
}
