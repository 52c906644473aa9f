import type { Headers } from '../transport/wire.ts';
import type { Access, TlsMaterial } from './access.ts';

/** Gives a token that is good now; at once where one is at hand. */
export interface TokenSource {
  token(): string | Promise<string>;
  /** The server refused the last one: the next must be another. */
  forget(): void;
}

/** A server whose address and CA are known, and a token that something else keeps fresh. */
export class TokenAccess implements Access {
  readonly server: URL;
  readonly impersonation: Headers = {};
  readonly #ca: string | undefined;
  readonly #source: TokenSource;

  /** @param ca PEM; undefined: the CAs this system trusts */
  constructor(server: URL, ca: string | undefined, source: TokenSource) {
    this.server = server;
    this.#ca = ca;
    this.#source = source;
  }

  tls(): Promise<TlsMaterial> {
    return Promise.resolve(this.#ca === undefined ? {} : { ca: this.#ca });
  }

  headers(): Headers | Promise<Headers> {
    const token = this.#source.token();
    return typeof token === 'string' ? headerOf(token) : token.then(headerOf);
  }

  renew(): boolean {
    this.#source.forget();
    return true;
  }
}

function headerOf(token: string): Headers {
  return { authorization: `Bearer ${token}` };
}
