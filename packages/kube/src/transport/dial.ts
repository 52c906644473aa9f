import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { TlsMaterial } from '../access/access.ts';
import { hostOf, portOf } from './host.ts';
import { tunnel } from './tunnel.ts';
import { WireError } from './wire.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 30_000;

export interface Way {
  /** An HTTP proxy to go through. */
  readonly proxy?: URL | undefined;
  /** What is offered to the server, the dearest first. */
  readonly protocols?: readonly string[];
}

/**
 * Opens a TLS connection, by default offering HTTP/2 first; `alpnProtocol` of the socket says what the server chose. What a proxy sees of it is
 * the server's address.
 */
export async function dial(
  server: URL,
  material: TlsMaterial,
  { proxy, protocols = ['h2', 'http/1.1'] }: Way = {},
): Promise<TLSSocket> {
  const host = hostOf(server);
  const over = new AbortController();
  const { signal } = over;
  const timer = setTimeout(() => over.abort(), CONNECT_TIMEOUT_MS);
  try {
    const to =
      proxy === undefined
        ? { host, port: portOf(server) }
        : { socket: await tunnel(proxy, server, { signal, ca: material.ca }) };
    const servername = material.servername ?? (isIP(host) === 0 ? host : '');
    return await handshake({ ...material, ...to, host, servername, ALPNProtocols: [...protocols] }, signal);
  } catch (error) {
    const through = proxy === undefined ? '' : ` through the proxy ${proxy.host}`;
    const late = `no connection${through} within ${CONNECT_TIMEOUT_MS / 1000} s`;
    const why = signal.aborted ? late : error instanceof Error ? error.message : String(error);
    throw new WireError(`cannot connect to ${server.host}: ${why}`, 'unreachable', error);
  } finally {
    clearTimeout(timer);
  }
}

function handshake(options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connectTls(options);
  const fail = (error: Error): void => {
    socket.destroy();
    options.socket?.destroy();
    reject(error);
  };
  signal.addEventListener('abort', () => fail(new Error('it took too long')), { once: true });
  socket.once('error', fail);
  socket.once('close', () => fail(new Error('connection closed during the handshake')));
  socket.once('secureConnect', () => {
    socket.off('error', fail);
    socket.removeAllListeners('close');
    socket.on('error', () => {});
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    resolve(socket);
  });
  return promise;
}
