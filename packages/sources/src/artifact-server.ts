import { createReadStream } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactServer } from './git-sources.ts';
import { artifactsDir } from './layout.ts';

export interface ArtifactServerOptions {
  /** The folder given to the sources. */
  dir: string;
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Default: a free one. */
  port?: number;
}

/** `<kind>/<namespace>/<name>/<file>.tar.gz`, and nothing that could lead elsewhere. */
const PATH = /^\/([a-z0-9][-a-z0-9.]*\/){3}([0-9a-f]{40}|[0-9a-f]{64})\.tar\.gz$/;

/** Serves the tarballs with GET and HEAD; every other path is 404. No listing, no other file. */
export async function serveArtifacts(options: ArtifactServerOptions): Promise<ArtifactServer> {
  const root = artifactsDir(options.dir);
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    answer(root, request, response).catch(() => response.destroy());
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  await promise;
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      return closed.promise;
    },
  };
}

async function answer(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
    return;
  }
  const file = await find(root, request.url ?? '');
  if (file === null) {
    response.writeHead(404, { 'content-length': 0 }).end();
    return;
  }
  await using handle = file;
  const { size } = await handle.stat();
  response.writeHead(200, {
    'content-type': 'application/gzip',
    'content-length': size,
    'x-content-type-options': 'nosniff',
  });
  if (request.method === 'HEAD') response.end();
  // The handle stays on what was opened, also when the file is replaced meanwhile.
  else
    await pipeline(
      createReadStream('', { fd: handle, autoClose: false, start: 0, end: Math.max(size - 1, 0) }),
      response,
    );
}

async function find(root: string, path: string): Promise<FileHandle | null> {
  if (!PATH.test(path) || path.includes('..')) return null;
  try {
    const inside = await realpath(root);
    const file = await realpath(join(inside, path));
    if (!file.startsWith(inside + sep)) return null;
    const handle = await open(file, 'r');
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return null;
  } catch {
    return null;
  }
}
