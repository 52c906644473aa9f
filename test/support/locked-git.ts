import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The same repositories behind a password, as a Git host has them. */
export interface LockedGit {
  /** The address of a repository that is open at `url`. */
  lock(url: string): string;
  close(): Promise<void>;
}

export async function startLockedGit(username: string, password: string): Promise<LockedGit> {
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  let behind = '';
  const server = createServer((incoming, response) => {
    if (incoming.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const { authorization: _checked, ...headers } = incoming.headers;
    const onward = request(new URL(incoming.url ?? '/', behind), { method: incoming.method ?? 'GET', headers });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    lock(url) {
      const open = new URL(url);
      behind = open.origin;
      return `http://127.0.0.1:${port}${open.pathname}`;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
