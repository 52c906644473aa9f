import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import {
  connect as connectTcp,
  createServer as createTcp,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { KubeconfigAccess } from './access/kubeconfig-access.ts';
import { clusterOver, type ClusterSettings } from './cluster-over.ts';
import type { Cluster } from './cluster.ts';

/** A certificate for 127.0.0.1 that signs itself, valid until 2120, up to its key and signature: those are made for each process. */
const TEMPLATE = Buffer.from(
  'MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMD' +
    'BaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNu28mAFzkrwzHqTMBVLhlK1FQnlX3HxYRIxdL9tZrQA' +
    'DeXXf6YwRCT3D9zH1J5sa7dFUenvdgfWIsjKDuVR/fOjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MB' +
    '0GA1UdDgQWBBTSIlc4Yo2+iK6wiOD0oH6iXC0HOTAKBggqhkjOPQQDAg==',
  'base64',
);
const BODY = { start: 4, end: TEMPLATE.length - 12, point: TEMPLATE.indexOf('A0IABNu28mAFzkrw', 0, 'base64') + 3 };
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const CERTIFICATE_PEM = certificatePem();
export const KEY_PEM = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Puts this process's public key into the template and signs it (RFC 5280, 4.1). */
function certificatePem(): string {
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const body = Buffer.from(TEMPLATE.subarray(BODY.start, BODY.end));
  spki.copy(body, BODY.point - BODY.start, spki.length - 65);
  const signature = sign('sha256', body, pair.privateKey);
  const rest = [TEMPLATE.subarray(BODY.end), Buffer.of(0x03, signature.length + 1, 0), signature];
  const content = Buffer.concat([body, ...rest]);
  const whole = Buffer.concat([Buffer.of(0x30, 0x82, content.length >> 8, content.length & 0xff), content]);
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;
export type Protocol = 'h2' | 'http/1.1' | 'plain';

/** An API server made of two handlers: one for discovery, one for the rest. */
export class FakeApi {
  readonly requests: IncomingMessage[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  readonly sockets: Socket[] = [];
  handler: Handler = (_request, response) => respond(response, 404, { kind: 'Status', message: 'not found' });
  /** Answers `/api` and `/apis`: ConfigMaps and Secrets are served. */
  discovery: Handler = (request, response) =>
    respond(response, 200, DISCOVERY[request.url === '/api' ? 'core' : 'groups']);
  readonly #protocol: Protocol;
  readonly #server: Http2SecureServer | Server;

  private constructor(protocol: Protocol, settings: { maxConcurrentStreams?: number }) {
    this.#protocol = protocol;
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    const tls = { key: KEY_PEM, cert: CERTIFICATE_PEM };
    if (protocol === 'plain') this.#server = createHttp(handle);
    else if (protocol === 'http/1.1') this.#server = createHttps(tls, handle);
    else this.#server = createSecureServer({ ...tls, settings }, handle as never);
    this.#server.on('session', (session: ServerHttp2Session) => {
      session.on('error', () => {});
      this.sessions.push(session);
    });
    this.#server.on('connection', (socket: Socket) => this.sockets.push(socket));
  }

  static async start(protocol: Protocol = 'h2', settings: { maxConcurrentStreams?: number } = {}): Promise<FakeApi> {
    const fake = new FakeApi(protocol, settings);
    await fake.listen(0);
    return fake;
  }

  listen(port: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(port, '127.0.0.1', resolve);
    return promise;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(port: number = this.port): string {
    return `${this.#protocol === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}`;
  }

  /** The real client, with limits short enough for a test. */
  cluster(settings: Partial<ClusterSettings> & { port?: number; user?: Record<string, string> } = {}): Cluster {
    const { port, user = {}, ...rest } = settings;
    const entry = {
      server: new URL(this.url(port)),
      cluster: { 'certificate-authority-data': btoa(CERTIFICATE_PEM) },
      user,
    };
    return clusterOver(new KubeconfigAccess(entry, '/'), { userAgent: 'test', maxInFlight: 32, ...rest });
  }

  /** Requests other than discovery, as `GET /path`. */
  seen(): string[] {
    return this.requests
      .filter((request) => !isDiscovery(request))
      .map((request) => `${request.method} ${request.url}`);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    if (isDiscovery(request)) this.discovery(request, response);
    else this.handler(request, response);
  }
}

function isDiscovery(request: IncomingMessage): boolean {
  return request.url === '/api' || request.url === '/apis';
}

export function respond(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function resource(plural: string, kind: string): object {
  return { resource: plural, responseKind: { kind }, scope: 'Namespaced', verbs: ['get', 'list', 'watch'] };
}

const DISCOVERY = {
  core: {
    kind: 'APIGroupDiscoveryList',
    items: [
      {
        metadata: {},
        versions: [{ version: 'v1', resources: [resource('configmaps', 'ConfigMap'), resource('secrets', 'Secret')] }],
      },
    ],
  },
  groups: { kind: 'APIGroupDiscoveryList', items: [] },
};

/** A TCP hop in front of a server that can fall silent without closing, as a lost network does. */
export class Hop {
  readonly #server: TcpServer;
  readonly #pairs: [Socket, Socket][] = [];

  private constructor(target: number) {
    this.#server = createTcp((near) => {
      const far = connectTcp(target, '127.0.0.1');
      this.#pairs.push([near, far]);
      near.on('error', () => far.destroy()).pipe(far);
      far.on('error', () => near.destroy()).pipe(near);
    });
  }

  static async before(target: number): Promise<Hop> {
    const hop = new Hop(target);
    const { promise, resolve } = Promise.withResolvers<void>();
    hop.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return hop;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#pairs.length;
  }

  /** Passes nothing on any more for the connections that are open now. */
  freeze(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}

/** What `call` fails with. Held from the start, so that the failure may come before it is awaited. */
export function rejection(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
}
