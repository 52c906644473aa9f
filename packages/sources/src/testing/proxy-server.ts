import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

export interface ProxyServer extends AsyncDisposable {
  port: number;
  /** What was asked for: `CONNECT host:port`, or method and address. */
  requests: string[];
}

/** An HTTP proxy: CONNECT, and plain requests passed on. `authorization` is what it lets in. */
export async function startHttpProxy(authorization?: string): Promise<ProxyServer> {
  const requests: string[] = [];
  const letIn = (request: IncomingMessage): boolean =>
    authorization === undefined || request.headers['proxy-authorization'] === authorization;
  const server = createHttpServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    if (!letIn(request)) {
      response.writeHead(407, { 'proxy-authenticate': 'Basic realm="test"' }).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = request.method === 'POST' ? Buffer.concat(chunks) : null;
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const passed = await fetch(request.url ?? '', {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      body,
      redirect: 'manual',
    });
    const type = passed.headers.get('content-type') ?? 'text/plain';
    response.writeHead(passed.status, { 'content-type': type }).end(Buffer.from(await passed.arrayBuffer()));
  };
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    requests.push(`CONNECT ${request.url}`);
    if (!letIn(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const [host = '', port = ''] = (request.url ?? '').split(':');
    join(socket, host, Number(port), 'HTTP/1.1 200 OK\r\n\r\n');
  });
  return listening(server, requests);
}

/** A SOCKS5 proxy with user and password. */
export async function startSocksProxy(user: string, password: string): Promise<ProxyServer> {
  const requests: string[] = [];
  const server = createServer((socket) => {
    converse(socket).catch(() => socket.destroy());
  });
  const converse = async (socket: Socket): Promise<void> => {
    socket.on('error', () => undefined);
    const read = async (): Promise<Buffer> => {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      return chunk;
    };
    await read();
    socket.write(Buffer.of(5, 2));
    const login = await read();
    const expected = Buffer.concat([
      Buffer.of(1, user.length),
      Buffer.from(user),
      Buffer.of(password.length),
      Buffer.from(password),
    ]);
    socket.write(Buffer.of(1, login.equals(expected) ? 0 : 1));
    if (!login.equals(expected)) return;
    const asked = await read();
    const named = asked[3] === 3;
    const length = named ? (asked[4] ?? 0) : 4;
    const raw = asked.subarray(named ? 5 : 4, (named ? 5 : 4) + length);
    const host = named ? raw.toString() : raw.join('.');
    const port = asked.readUInt16BE(asked.length - 2);
    requests.push(`SOCKS ${host}:${port}`);
    join(socket, host, port, Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0));
  };
  return listening(server, requests);
}

function join(socket: Socket, host: string, port: number, greeting: string | Buffer): void {
  const target = connect(port, host, () => {
    socket.write(greeting);
    target.pipe(socket).pipe(target);
  });
  target.on('error', () => socket.destroy());
  socket.on('error', () => target.destroy());
}

async function listening(server: ReturnType<typeof createServer>, requests: string[]): Promise<ProxyServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port, requests, [Symbol.asyncDispose]: close };
}
