import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface GitServerOptions {
  /** Folder whose sub-folders are the repositories. */
  root: string;
  /** `Authorization` that is let in; others get 401. */
  authorization?: string;
  /** Answers every request with this status. */
  status?: number;
  /** Sends every request on to the same path of this origin. */
  redirectTo?: string;
  /** Sends requests below this path to the same below `redirectPath`. */
  redirectFrom?: string;
  redirectPath?: string;
  /** Takes requests and never answers. */
  hang?: boolean;
  tls?: { key: string; cert: string };
  /** Falls silent after so many bytes of an answer that holds objects. */
  stallAfter?: number;
  /** Changes what is answered; of equal length. */
  rewrite?: (text: string) => string;
  /** git's protocol version 0: a server of old, which gives out no unadvertised commit. */
  old?: boolean;
}

export interface GitServer extends AsyncDisposable {
  url: string;
  port: number;
  /** Each request: method and path with query. */
  requests: string[];
  /** Every `Authorization` header that arrived. */
  authorizations: string[];
  /** Changes how it behaves from now on. */
  options: GitServerOptions;
  close(): Promise<void>;
}

/** A real `git http-backend` behind node:http. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const state: Pick<GitServer, 'requests' | 'authorizations' | 'options'> = {
    requests: [],
    authorizations: [],
    options,
  };
  const handler = (request: IncomingMessage, response: ServerResponse): void => serve(state, request, response);
  const server = options.tls ? createHttpsServer(options.tls, handler) : createHttpServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  return Object.assign(state, { url, port, close, [Symbol.asyncDispose]: close });
}

function serve(
  state: Pick<GitServer, 'requests' | 'authorizations' | 'options'>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { options } = state;
  state.requests.push(`${request.method} ${request.url}`);
  if (request.headers.authorization) state.authorizations.push(request.headers.authorization);
  if (options.hang) return;
  if (options.redirectTo) {
    response.writeHead(301, { location: options.redirectTo + (request.url ?? '') }).end();
    return;
  }
  if (options.redirectFrom && request.url?.startsWith(`${options.redirectFrom}/`)) {
    response.writeHead(301, { location: request.url.replace(options.redirectFrom, options.redirectPath ?? '') }).end();
    return;
  }
  if (options.status) {
    response.writeHead(options.status).end('refused by the test');
    return;
  }
  if (options.authorization && request.headers.authorization !== options.authorization) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('authentication required');
    return;
  }
  backend(options, request, response);
}

function backend(options: GitServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const protocol = request.headers['git-protocol'];
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-length'] ? { CONTENT_LENGTH: request.headers['content-length'] } : {}),
      ...(request.headers['content-encoding']
        ? { HTTP_CONTENT_ENCODING: String(request.headers['content-encoding']) }
        : {}),
      ...(typeof protocol === 'string' && !options.old ? { GIT_PROTOCOL: protocol } : {}),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  response.on('close', () => child.kill());
  let head = Buffer.alloc(0);
  let sent = 0;
  child.stdout.on('data', (received: Buffer) => {
    const { rewrite } = options;
    const chunk = rewrite === undefined ? received : Buffer.from(rewrite(received.toString('latin1')), 'latin1');
    sent += chunk.length;
    if (options.stallAfter !== undefined && sent > options.stallAfter) {
      child.stdout.pause();
      return;
    }
    if (response.headersSent) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    let status = 200;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (name === 'status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => response.end());
}
