import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { selfSigned } from '@plumb/testkit';

/** The Git services of clouds, under their own names, behind a proxy on loopback: nothing leaves this machine. */
export interface CloudGit {
  /** The proxy that leads there. */
  proxy: string;
  /** PEM of whom the services are certified by. */
  ca: string;
  /** Where the proxy was asked to lead: `host:port`. */
  led: string[];
  close(): Promise<void>;
}

/** @param letsIn whether a request for a repository with this `Authorization` may pass to the open repository at `behind` */
export async function startCloudGit(
  hosts: readonly string[],
  behind: string,
  letsIn: (authorization: string, url: string) => boolean,
): Promise<CloudGit> {
  const { key, cert } = selfSigned('clouds', hosts);
  const open = new URL(behind);
  const answer = (incoming: IncomingMessage, response: ServerResponse): void => {
    const [path = '', rest = ''] = (incoming.url ?? '').split(/(?=\/info\/refs|\/git-upload-pack)/);
    const { authorization = '', host, ...headers } = incoming.headers;
    if (!letsIn(authorization, `https://${host ?? ''}${path}`)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="cloud"' }).end();
      return;
    }
    const onward = request(new URL(open.pathname + rest, open), { method: incoming.method ?? 'GET', headers });
    onward.on('response', (found) => {
      response.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  };
  const service = createTlsServer({ key, cert }, answer);
  const proxy = createServer();
  const led: string[] = [];
  const sockets = new Set<Socket>();
  proxy.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    const target = incoming.url ?? '';
    led.push(target);
    const [host = '', port = ''] = target.split(':');
    const to = host === '127.0.0.1' ? Number(port) : portOf(service);
    const onward = connect(to, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => undefined).on('close', () => end === socket && onward.destroy());
    }
  });
  for (const server of [service, proxy]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return {
    proxy: `http://127.0.0.1:${portOf(proxy)}`,
    ca: cert,
    led,
    async close() {
      for (const socket of sockets) socket.destroy();
      service.closeAllConnections();
      await Promise.all([service, proxy].map((server) => once(server.close(), 'close')));
    },
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
