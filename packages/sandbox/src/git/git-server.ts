import { once } from 'node:events';
import { access, mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';

import { userError } from '@plumb/api';

import { freePort } from '../control-plane/port.ts';
import type { GitServer } from '../types.ts';
import { cgiVariables, runCgi } from './cgi.ts';
import { runGit, spawnGit } from './run-git.ts';

export interface GitServerOptions {
  /** The repositories: `<dir>/<name>.git`. */
  dir: string;
  /** Preferred port; a free one is taken when it is in use. Default: any. */
  port?: number;
  /** Told the repository's name after each push that was taken, as a Git host's webhook would. */
  onPush?: (name: string) => void;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
/** The three requests of the smart protocol, below one repository. */
const ROUTE = /^\/(?<name>[^/]+)\.git\/(?<service>info\/refs|git-upload-pack|git-receive-pack)$/;

/** What a client may ask for beyond git's defaults: partial clones, and any commit by its id. */
const SETTINGS = ['http.receivepack=true', 'uploadpack.allowFilter=true', 'uploadpack.allowAnySHA1InWant=true'];

/** Serves bare repositories on 127.0.0.1 by `git http-backend`; whoever reaches it may push. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const port = await freePort(options.port ?? 0);
  const server = createServer((request, response) => {
    serve({ ...options, dir }, request, response).catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async create(name) {
      if (!NAME.test(name)) {
        throw userError(
          'invalid-spec',
          `"${name}" cannot name a repository: use letters, digits, dots, dashes and underscores`,
        );
      }
      const path = join(dir, `${name}.git`);
      const exists = await access(join(path, 'HEAD')).then(
        () => true,
        () => false,
      );
      if (!exists) await runGit(dir, ['init', '--quiet', '--bare', '--initial-branch=main', path]);
      return `${url}/${name}.git`;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(options: GitServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Taken as it was sent: tidying up dots would make two names of one repository.
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const { name = '', service = '' } = ROUTE.exec(path)?.groups ?? {};
  if (!NAME.test(name)) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no such repository\n');
    return;
  }
  const variables = { GIT_PROJECT_ROOT: options.dir, GIT_HTTP_EXPORT_ALL: '1', ...cgiVariables(request, path, query) };
  const child = spawnGit([...SETTINGS.flatMap((setting) => ['-c', setting]), 'http-backend'], variables);
  const code = await runCgi(child, request, response);
  if (service === 'git-receive-pack' && code === 0) options.onPush?.(name);
}
