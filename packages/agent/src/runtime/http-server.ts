import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers GETs by path with a status and a text. A path without an answer is 404. */
export interface TextServer {
  port: number;
  close(): Promise<void>;
}

export type Answer = () => { status: number; body: string };

export async function serveText(
  port: number,
  host: string,
  answers: Readonly<Record<string, Answer>>,
): Promise<TextServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const answer = request.method === 'GET' || request.method === 'HEAD' ? answers[path] : undefined;
    const { status, body } = answer?.() ?? { status: 404, body: 'not found\n' };
    response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body);
  });
  await listen(server, port, host);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
