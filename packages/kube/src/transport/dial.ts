import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { TlsMaterial } from '../access/access.ts';
import { WireError } from './wire.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 30_000;

/** Opens a TLS connection offering HTTP/2 first; `alpnProtocol` of the socket says what the server chose. */
export function dial(server: URL, material: TlsMaterial): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const host = hostOf(server);
  const socket = connectTls({
    ...material,
    host,
    port: portOf(server),
    servername: material.servername ?? (isIP(host) === 0 ? host : ''),
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  const timer = setTimeout(() => {
    fail(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`));
  }, CONNECT_TIMEOUT_MS);
  const fail = (error: Error): void => {
    clearTimeout(timer);
    socket.destroy();
    reject(new WireError(`cannot connect to ${server.host}: ${error.message}`, 'unreachable', error));
  };
  socket.once('error', fail);
  socket.once('close', () => fail(new Error('connection closed during the handshake')));
  socket.once('secureConnect', () => {
    clearTimeout(timer);
    socket.off('error', fail);
    socket.removeAllListeners('close');
    socket.on('error', () => {});
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    resolve(socket);
  });
  return promise;
}

export function hostOf(server: URL): string {
  return server.hostname.replace(/^\[|\]$/g, '');
}

export function portOf(server: URL): number {
  if (server.port !== '') return Number(server.port);
  return server.protocol === 'http:' ? 80 : 443;
}
