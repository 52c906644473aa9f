import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '@plumb/api';
import type { Headers } from '../transport/wire.ts';
import type { Access, TlsMaterial } from './access.ts';
import { TokenFile } from './token-file.ts';

export interface InClusterOptions {
  /** Value of KUBERNETES_SERVICE_HOST. Default: the name `kubernetes.default.svc`. */
  host?: string;
  /** Value of KUBERNETES_SERVICE_PORT. Default 443. */
  port?: string;
  /** Where the service account is mounted. */
  folder?: string;
}

const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A pod's own service account: its mounted token, read again as it is rotated, and the cluster's CA. */
export class InClusterAccess implements Access {
  readonly server: URL;
  readonly impersonation: Headers = {};
  readonly #ca: string;
  readonly #token: TokenFile;

  constructor(options: InClusterOptions) {
    const { host = 'kubernetes.default.svc', port = '443', folder = SERVICE_ACCOUNT_FOLDER } = options;
    this.server = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
    this.#ca = join(folder, 'ca.crt');
    this.#token = new TokenFile(join(folder, 'token'));
  }

  async tls(): Promise<TlsMaterial> {
    try {
      return { ca: await readFile(this.#ca, 'utf8') };
    } catch (error) {
      throw userError('authentication-failed', `cannot read ${this.#ca}: is this a pod with a service account?`, error);
    }
  }

  headers(): Headers | Promise<Headers> {
    return this.#token.header();
  }

  renew(): boolean {
    this.#token.forget();
    return true;
  }
}
