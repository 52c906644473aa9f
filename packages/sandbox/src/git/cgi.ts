import type { ChildProcess } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A CGI answer's head may be this long (RFC 3875 sets no bound; git's is a few lines). */
const LONGEST_HEAD = 16 * 1024;

/** The variables of RFC 3875 that git-http-backend reads. It unpacks gzip bodies by itself. */
export function cgiVariables(request: IncomingMessage, path: string, query: string): Record<string, string> {
  return {
    PATH_INFO: path,
    QUERY_STRING: query,
    REQUEST_METHOD: request.method ?? 'GET',
    REMOTE_ADDR: request.socket.remoteAddress ?? '',
    CONTENT_TYPE: header(request, 'content-type'),
    CONTENT_LENGTH: header(request, 'content-length'),
    HTTP_CONTENT_ENCODING: header(request, 'content-encoding'),
    HTTP_GIT_PROTOCOL: header(request, 'git-protocol'),
    GIT_PROTOCOL: header(request, 'git-protocol'),
  };
}

/**
 * Joins an HTTP exchange to a CGI process: body in, head and body out.
 * @returns the exit code, or null when it was killed (the client went away)
 */
export async function runCgi(
  child: ChildProcess,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number | null> {
  const { stdin, stdout, stderr } = child;
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('error', () => resolve(null));
  child.once('close', (code) => resolve(code));
  response.once('close', () => child.kill());
  stderr?.resume();
  // It may answer without reading the body to its end.
  stdin?.on('error', () => undefined);
  if (stdin) request.pipe(stdin);
  let head = Buffer.alloc(0);
  stdout?.on('data', (chunk: Buffer) => {
    if (response.headersSent) return forward(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end >= 0) {
      writeHead(response, head.toString('latin1', 0, end));
      forward(head.subarray(end + 4));
    } else if (head.length > LONGEST_HEAD) child.kill();
  });
  const forward = (chunk: Buffer): void => {
    if (response.write(chunk)) return;
    stdout?.pause();
    response.once('drain', () => stdout?.resume());
  };
  const code = await promise;
  if (!response.headersSent)
    response.writeHead(500, { 'content-type': 'text/plain' }).write('git http-backend failed\n');
  response.end();
  return code;
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'status') status = Number.parseInt(value, 10);
    else if (name !== '') response.setHeader(name, value);
  }
  response.writeHead(status);
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}
