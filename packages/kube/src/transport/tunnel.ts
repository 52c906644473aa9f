import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { getCACertificates } from 'node:tls';
import { hostOf, portOf } from './host.ts';

/**
 * A connection to a server through an HTTP proxy (RFC 9110, 9.3.6). A proxy over https is trusted by the system's CAs or by `ca`, and is shown no
 * certificate of ours.
 * @throws Error in words for people, without the proxy's user and password
 */
export async function tunnel(
  proxy: URL,
  server: URL,
  { signal, ca }: { signal: AbortSignal; ca: string | undefined },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const place = `${server.hostname}:${portOf(server)}`;
  const host = hostOf(proxy);
  const options = {
    host,
    port: portOf(proxy),
    method: 'CONNECT',
    path: place,
    headers: { host: place, ...authorizationOf(proxy) },
    agent: false,
    signal,
  };
  const trust = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] };
  const request =
    proxy.protocol === 'https:'
      ? requestHttps({ ...options, ...trust, servername: isIP(host) === 0 ? host : '' })
      : requestHttp(options);
  request.on('error', reject);
  request.once('connect', (answer: IncomingMessage, socket: Socket, head: Buffer) => {
    const { statusCode: status = 0 } = answer;
    // What is opened over it tells its errors.
    socket.on('error', () => {});
    if (status >= 200 && status < 300) {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
      return;
    }
    socket.destroy();
    reject(new Error(status === 407 ? 'it wants other credentials (407)' : `it answered ${status}`));
  });
  request.end();
  try {
    return await promise;
  } catch (error) {
    throw new Error(`the proxy ${proxy.host} fails: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function authorizationOf({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(plain).toString('base64')}` };
}
