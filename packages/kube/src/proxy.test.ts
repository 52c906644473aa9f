import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CERTIFICATE_PEM, FakeApi, KEY_PEM, rejection, type Protocol } from './fake-api.ts';
import { connectRemote, remoteOf } from './remote.ts';
import { dial } from './transport/dial.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'cart' };
const RULES = { exec: false, insecureTls: false };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Answer = (request: IncomingMessage, socket: Socket) => void;

const pass: Answer = (request, socket) => {
  const [host = '', port = ''] = (request.url ?? '').split(':');
  const far = connect(Number(port), host, () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    far.pipe(socket).pipe(far);
  });
  far.on('error', () => socket.destroy());
  socket.on('error', () => far.destroy());
};
const refuse =
  (status: string): Answer =>
  (_request, socket) =>
    void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);

class Proxy {
  readonly asked: IncomingMessage[] = [];
  readonly #server: Server;
  readonly #scheme: 'http' | 'https';

  private constructor(scheme: 'http' | 'https', answer: Answer) {
    this.#scheme = scheme;
    this.#server = scheme === 'http' ? createHttp() : createHttps({ key: KEY_PEM, cert: CERTIFICATE_PEM });
    const sockets = new Set<Socket>();
    this.#server.on('connection', (socket: Socket) => sockets.add(socket));
    this.#server.on('connect', (request: IncomingMessage, socket: Socket) => {
      this.asked.push(request);
      socket.on('error', () => undefined);
      answer(request, socket);
    });
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      this.#server.close();
    });
  }

  static async start(scheme: 'http' | 'https', answer: Answer): Promise<Proxy> {
    const proxy = new Proxy(scheme, answer);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.#scheme}://me:s%33cret@${this.host}`;
  }

  asking(): Promise<unknown> {
    return this.asked.length > 0 ? Promise.resolve() : once(this.#server, 'connect');
  }
}

async function api(protocol: Protocol = 'h2'): Promise<FakeApi> {
  const fake = await FakeApi.start(protocol);
  cleanups.push(() => fake.close());
  return fake;
}

/** A read through a proxy, as a kubeconfig names it. */
async function read(server: string, proxy: string): Promise<unknown> {
  const trust = { 'certificate-authority-data': btoa(CERTIFICATE_PEM) };
  const kubeconfig = {
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server, 'proxy-url': proxy, ...trust } }],
    users: [{ name: 'u', user: { token: 'abc' } }],
  };
  const client = connectRemote(remoteOf(JSON.stringify(kubeconfig), RULES));
  cleanups.push(() => client.close());
  return client.get(CONFIG_MAP, { signal: AbortSignal.timeout(10_000) });
}

describe('a server behind a proxy', () => {
  test.each<['http' | 'https', Protocol]>([
    ['http', 'h2'],
    ['http', 'http/1.1'],
    ['https', 'h2'],
    ['https', 'http/1.1'],
  ])('is reached through one over %s, by %s', async (scheme, protocol) => {
    const fake = await api(protocol);
    const proxy = await Proxy.start(scheme, pass);
    expect(await read(fake.url(), proxy.url)).toBeNull();
    const { url, headers } = proxy.asked.at(-1) ?? {};
    expect([url, headers?.['proxy-authorization']]).toEqual([`127.0.0.1:${fake.port}`, `Basic ${btoa('me:s3cret')}`]);
    expect(fake.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer abc' });
    expect(fake.requests.at(-1)?.headers['proxy-authorization']).toBeUndefined();
  });

  test('proves who it is all the same', async () => {
    const fake = await api();
    const proxy = await Proxy.start('http', pass);
    const dialled = dial(new URL(fake.url()), {}, { proxy: new URL(proxy.url) });
    expect(await rejection(dialled)).toMatchObject({ message: expect.stringContaining('self-signed') as string });
    expect(fake.requests).toEqual([]);
  });
});

describe('a proxy that fails is named, without its credentials', () => {
  test.each([
    ['407 Proxy Authentication Required', 'it wants other credentials (407)'],
    ['403 Forbidden', 'it answered 403'],
  ])('%s', async (status, says) => {
    const proxy = await Proxy.start('http', refuse(status));
    const dialled = dial(new URL('https://far.example'), {}, { proxy: new URL(proxy.url) });
    const message = `cannot connect to far.example: the proxy ${proxy.host} fails: ${says}`;
    expect(await rejection(dialled)).toMatchObject({ message, loss: 'unreachable' });
  });

  test('what the client says of it', async () => {
    const proxy = await Proxy.start('http', refuse('403 Forbidden'));
    const error = await rejection(read('https://far.example', proxy.url));
    expect(String(error)).not.toMatch(/s3cret|s%33cret/);
  });

  test('nobody listens', async () => {
    const fake = await api();
    const { port } = fake;
    await fake.close();
    cleanups.pop();
    const proxy = new URL(`http://me:s3cret@127.0.0.1:${port}`);
    const message = `cannot connect to far.example: the proxy 127.0.0.1:${port} fails: connect ECONNREFUSED 127.0.0.1:${port}`;
    expect(await rejection(dial(new URL('https://far.example'), {}, { proxy }))).toMatchObject({ message });
  });

  test.each<[string, Answer]>([
    ['it says nothing', () => undefined],
    ['what is behind it says nothing', (_request, socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n')],
  ])('%s', async (_what, answer) => {
    const proxy = await Proxy.start('http', answer);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    cleanups.push(() => vi.useRealTimers());
    const failed = rejection(dial(new URL('https://far.example'), {}, { proxy: new URL(proxy.url) }));
    await proxy.asking();
    vi.advanceTimersByTime(10_000);
    const message = `cannot connect to far.example: no connection through the proxy ${proxy.host} within 10 s`;
    expect(await failed).toMatchObject({ message });
  });
});
