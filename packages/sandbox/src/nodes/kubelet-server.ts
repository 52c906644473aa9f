import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

import { generateKey, privateKeyPem, signCertificate } from '../control-plane/certificate.ts';

/** One container, as `kubectl logs` names it. */
export interface ContainerRef {
  namespace: string;
  pod: string;
  container: string;
}

/** What a container has printed; null where there is no such container. */
export type LogSource = (container: ContainerRef) => string | null;

/** The kubelet's HTTPS port, one for all nodes. */
export interface KubeletServer {
  port: number;
  close(): Promise<void>;
}

const ROUTE = /^\/containerLogs\/(?<namespace>[^/]+)\/(?<pod>[^/]+)\/(?<container>[^/]+)$/;
const DAY = 86_400_000;

/**
 * Answers what the API server asks a kubelet on behalf of `kubectl logs`, on loopback; `tailLines` counts, following ends at
 * once. Everything else (exec, port-forward) is refused with a word why.
 */
export async function startKubeletServer(logs: LogSource): Promise<KubeletServer> {
  const server = createServer(selfSigned(), (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://127.0.0.1');
    const { namespace = '', pod = '', container = '' } = ROUTE.exec(pathname)?.groups ?? {};
    if (namespace === '')
      return response.writeHead(501).end('pods of the sandbox are simulated: they have logs only\n');
    const text = logs({ namespace, pod, container });
    if (text === null) return response.writeHead(404).end(`no container ${container} in pod ${namespace}/${pod}\n`);
    return response.writeHead(200, { 'content-type': 'text/plain' }).end(tail(text, searchParams.get('tailLines')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function tail(text: string, count: string | null): string {
  if (count === null) return text;
  const lines = text.trimEnd().split('\n');
  const wanted = Math.min(Number(count), lines.length);
  return wanted > 0 ? `${lines.slice(lines.length - wanted).join('\n')}\n` : '';
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** The API server does not check a kubelet's certificate unless it is given an authority for them. */
function selfSigned(): { cert: string; key: string } {
  const { key, publicKey } = generateKey();
  const subject = { commonName: 'sandbox-kubelet' };
  const now = Date.now();
  const validity = { notBefore: new Date(now - DAY), notAfter: new Date(now + 3650 * DAY) };
  const request = { subject, use: 'server', names: ['127.0.0.1'], ...validity } as const;
  return { cert: signCertificate(request, publicKey, { subject, key, publicKey }), key: privateKeyPem(key) };
}
