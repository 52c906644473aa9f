import { readFile } from 'node:fs/promises';
// oxlint-disable-next-line no-restricted-imports -- it stands where the network is, and speaks as it does.
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';

interface KubeconfigEntry {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
}

/** The API server behind the proxy, over one HTTP/2 connection that is opened again when it is lost. */
export class Upstream {
  readonly #server: string;
  readonly #tls: { ca: Buffer; cert: Buffer; key: Buffer };
  #session: ClientHttp2Session | undefined;

  private constructor(server: string, tls: { ca: Buffer; cert: Buffer; key: Buffer }) {
    this.#server = server;
    this.#tls = tls;
  }

  /** @param path a kubeconfig as the control plane writes it: JSON, one cluster, one user with a certificate */
  static async of(path: string): Promise<Upstream> {
    const config = JSON.parse(await readFile(path, 'utf8')) as KubeconfigEntry;
    const { cluster } = config.clusters[0];
    const { user } = config.users[0];
    const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
    return new Upstream(cluster.server, {
      ca: bytes(cluster['certificate-authority-data']),
      cert: bytes(user['client-certificate-data']),
      key: bytes(user['client-key-data']),
    });
  }

  /** Sends a request on. `headers` may be those of either protocol. */
  request(request: { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer }): ClientHttp2Stream {
    const { method, path, headers, body } = request;
    const kept = Object.entries(headers).filter(([name]) => !name.startsWith(':') && !HOP_BY_HOP.has(name));
    const empty = body.length === 0;
    const all = { ...Object.fromEntries(kept), ':method': method, ':path': path };
    const stream = this.#open().request(all, { endStream: empty });
    if (!empty) stream.end(body);
    return stream;
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = connect(this.#server, this.#tls);
    session.on('error', () => undefined);
    session.setMaxListeners(0);
    this.#session = session;
    return session;
  }
}

export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
