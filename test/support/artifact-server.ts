import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A gzip tarball as the system's tar makes it. `->` before a content makes a symlink. */
export async function tarballOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-tarball-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = join(dir, path);
      await mkdir(dirname(file), { recursive: true });
      if (content.startsWith('->')) await symlink(content.slice(2), file);
      else await writeFile(file, content);
    }
    const { stdout } = await run('tar', ['-cz', '-C', dir, '.'], { encoding: 'buffer', maxBuffer: 2 ** 26 });
    return stdout;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** Serves tarballs as a source-controller does: by their digest, and nothing else. */
export class ArtifactServer {
  readonly #server: Server;
  readonly #files = new Map<string, Buffer>();
  /** Paths that were asked for. */
  readonly asked: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ArtifactServer> {
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      artifacts.asked.push(path);
      const content = artifacts.#files.get(path);
      if (content === undefined) response.writeHead(404).end();
      else response.end(content);
    });
    const artifacts = new ArtifactServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return artifacts;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(path: string, content: Buffer): void {
    this.#files.set(path, content);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
