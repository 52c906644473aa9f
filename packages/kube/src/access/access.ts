import type { Headers } from '../transport/wire.ts';

/** What a TLS connection to the server is opened with. PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where an API server is and how to prove who we are. */
export interface Access {
  readonly server: URL;
  /** Whom the kubeconfig asks to act as; `Cluster.as` takes its place. */
  readonly impersonation: Headers;
  /** The HTTP proxy it is reached through, with its user and password. */
  readonly proxy?: URL | undefined;
  /** Asked for every new connection, so that rotated files are picked up. */
  tls(): Promise<TlsMaterial>;
  /** Asked for every request: the authorization. */
  headers(): Headers | Promise<Headers>;
  /** The server answered 401: forget cached credentials. @returns whether asking again can give others. */
  renew(): boolean;
}
