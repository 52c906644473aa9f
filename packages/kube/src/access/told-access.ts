import type { Headers } from '../transport/wire.ts';
import type { Access, TlsMaterial } from './access.ts';

/** Another access that tells when the server refuses its credentials. */
export class ToldAccess implements Access {
  readonly server: URL;
  readonly impersonation: Headers;
  readonly proxy: URL | undefined;
  readonly #access: Access;
  readonly #onRefused: () => void;

  constructor(access: Access, onRefused: () => void) {
    this.server = access.server;
    this.impersonation = access.impersonation;
    this.proxy = access.proxy;
    this.#access = access;
    this.#onRefused = onRefused;
  }

  tls(): Promise<TlsMaterial> {
    return this.#access.tls();
  }

  headers(): Headers | Promise<Headers> {
    return this.#access.headers();
  }

  renew(): boolean {
    this.#onRefused();
    return this.#access.renew();
  }
}
