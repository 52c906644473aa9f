import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { GitProxy } from '../git-sources.ts';

const MAX_ANSWER = 16 * 1024;

/** A connection to a host through a proxy. @throws Error in words for people, without the proxy's password */
export async function tunnel(
  proxy: GitProxy,
  target: { host: string; port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const address = new URL(proxy.address);
  const { protocol, hostname } = address;
  const host = hostname.replace(/^\[|\]$/g, '');
  const usual = protocol === 'https:' ? 443 : protocol === 'http:' ? 80 : 1080;
  const to = { host, port: Number(address.port || usual) };
  const socket = protocol === 'https:' ? connectTls({ ...to, servername: host }) : connectTcp(to);
  const onAbort = (): void => void socket.destroy(new Error('it took too long'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const reader = new Reader(socket);
    await reader.opened(protocol === 'https:' ? 'secureConnect' : 'connect');
    if (protocol === 'http:' || protocol === 'https:') await throughHttp(reader, proxy, target);
    else await throughSocks(reader, proxy, target);
    reader.release();
    return socket;
  } catch (error) {
    socket.destroy();
    throw new Error(`the proxy '${address.host}' fails: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Reads a socket in exact amounts, and gives back what it did not need. */
class Reader {
  readonly socket: Socket;
  #kept: Buffer = Buffer.alloc(0);
  #wake = Promise.withResolvers<void>();
  readonly #onData = (chunk: Buffer): void => {
    this.#kept = Buffer.concat([this.#kept, chunk]);
    this.#wake.resolve();
  };
  readonly #onEnd = (error?: Error | boolean): void =>
    this.#wake.reject(error instanceof Error ? error : new Error('it closed the connection'));

  constructor(socket: Socket) {
    this.socket = socket;
    this.#wake.promise.catch(() => undefined);
    socket.on('data', this.#onData).once('error', this.#onEnd).once('close', this.#onEnd);
  }

  opened(event: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.socket.once(event, () => resolve()).once('error', reject);
    return promise;
  }

  async take(length: number): Promise<Buffer> {
    while (this.#kept.length < length) await this.#more();
    const taken = this.#kept.subarray(0, length);
    this.#kept = this.#kept.subarray(length);
    return taken;
  }

  async until(mark: string): Promise<string> {
    while (!this.#kept.includes(mark)) {
      if (this.#kept.length > MAX_ANSWER) throw new Error('its answer is too long');
      await this.#more();
    }
    return (await this.take(this.#kept.indexOf(mark) + mark.length)).toString('latin1');
  }

  release(): void {
    this.socket.off('data', this.#onData).off('error', this.#onEnd).off('close', this.#onEnd).pause();
    if (this.#kept.length > 0) this.socket.unshift(this.#kept);
  }

  async #more(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    this.#wake.promise.catch(() => undefined);
  }
}

async function throughHttp(
  reader: Reader,
  proxy: GitProxy,
  { host, port }: { host: string; port: number },
): Promise<void> {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const basic = Buffer.from(`${proxy.username ?? ''}:${proxy.password ?? ''}`).toString('base64');
  const head = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`];
  if (proxy.username !== undefined) head.push(`Proxy-Authorization: Basic ${basic}`);
  reader.socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(await reader.until('\r\n\r\n'))?.[1];
  if (status !== '200')
    throw new Error(status === '407' ? 'it wants other credentials' : `it answered ${status ?? 'no HTTP'}`);
}

/** RFC 1928 and RFC 1929. The name is looked up by the proxy. */
async function throughSocks(
  reader: Reader,
  proxy: GitProxy,
  { host, port }: { host: string; port: number },
): Promise<void> {
  const { username = '', password = '' } = proxy;
  const { socket } = reader;
  socket.write(Buffer.from(proxy.username === undefined ? [5, 1, 0] : [5, 2, 0, 2]));
  const [, method] = await reader.take(2);
  if (method === 2) {
    socket.write(Buffer.concat([Buffer.of(1), counted(username), counted(password)]));
    const [, verdict] = await reader.take(2);
    if (verdict !== 0) throw new Error('it wants other credentials');
  } else if (method !== 0) throw new Error('it wants credentials of another kind');
  socket.write(Buffer.concat([Buffer.of(5, 1, 0, 3), counted(host), Buffer.of(port >> 8, port & 0xff)]));
  const [, reply, , kind] = await reader.take(4);
  if (reply !== 0) throw new Error(`it answered with SOCKS status ${reply}`);
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await reader.take(1))[0] ?? 0);
  await reader.take(length + 2);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new Error('a name, user or password is longer than it can take');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
