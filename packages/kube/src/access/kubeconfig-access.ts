import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { userError, type JsonObject } from '@plumb/api';
import type { Headers } from '../transport/wire.ts';
import type { Access, TlsMaterial } from './access.ts';
import { objectOf, text, type KubeconfigEntry } from './kubeconfig-entry.ts';
import { TokenFile } from './token-file.ts';

/** Certificates, tokens and basic authentication of a kubeconfig. Plugins are plugin-access.ts. */
export class KubeconfigAccess implements Access {
  readonly server: URL;
  readonly impersonation: Headers;
  readonly proxy: URL | undefined;
  readonly #entry: KubeconfigEntry;
  readonly #folder: string;
  readonly #headers: Headers;
  readonly #tokenFile: TokenFile | undefined;

  /**
   * @param folder what relative paths in the kubeconfig start from.
   * @throws invalid-spec for a proxy-url that cannot be used
   */
  constructor(entry: KubeconfigEntry, folder: string) {
    this.server = entry.server;
    this.proxy = proxyOf(entry);
    this.#entry = entry;
    this.#folder = folder;
    const tokenFile = text(entry.user, 'tokenFile');
    this.#tokenFile = tokenFile === undefined ? undefined : new TokenFile(resolve(folder, tokenFile));
    this.impersonation = impersonation(entry.user);
    this.#headers = authorization(entry.user);
  }

  async tls(): Promise<TlsMaterial> {
    const { cluster, user } = this.#entry;
    const [ca, cert, key] = await Promise.all([
      this.#pem(cluster, 'certificate-authority'),
      this.#pem(user, 'client-certificate'),
      this.#pem(user, 'client-key'),
    ]);
    const servername = text(cluster, 'tls-server-name');
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      ...(cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}),
    };
  }

  headers(): Headers | Promise<Headers> {
    return this.#tokenFile === undefined ? this.#headers : this.#tokenFile.header();
  }

  renew(): boolean {
    this.#tokenFile?.forget();
    return this.#tokenFile !== undefined;
  }

  async #pem(object: JsonObject, field: string): Promise<string | undefined> {
    const data = text(object, `${field}-data`);
    if (data !== undefined) return Buffer.from(data, 'base64').toString();
    const path = text(object, field);
    if (path === undefined) return undefined;
    try {
      return await readFile(resolve(this.#folder, path), 'utf8');
    } catch (error) {
      throw userError('authentication-failed', `cannot read the kubeconfig's ${field} file ${path}`, error);
    }
  }
}

/** An address may hold a password: where it cannot be read, nothing of it is told. */
function proxyOf({ cluster, server }: KubeconfigEntry): URL | undefined {
  const given = text(cluster, 'proxy-url');
  if (given === undefined) return undefined;
  const url = URL.parse(given);
  if (url === null || url.hostname === '' || !isDecodable(`${url.username}${url.password}`)) {
    throw userError(
      'invalid-spec',
      "the kubeconfig's proxy-url is not a URL: use http://host:port or https://host:port",
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const scheme = url.protocol.replace(':', '');
    throw userError(
      'invalid-spec',
      `the kubeconfig's proxy-url has the scheme "${scheme}": use an http or https proxy`,
    );
  }
  if (server.protocol === 'https:') return url;
  throw userError('invalid-spec', 'the kubeconfig names a proxy-url and a server without TLS: use an https server');
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

function authorization(user: JsonObject): Headers {
  const token = text(user, 'token');
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const name = text(user, 'username');
  if (name === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${name}:${text(user, 'password') ?? ''}`).toString('base64')}` };
}

/** Who the kubeconfig's user acts as: `as`, `as-uid`, `as-groups`, `as-user-extra`. */
function impersonation(user: JsonObject): Headers {
  const name = text(user, 'as');
  if (name === undefined) return {};
  const headers: Headers = { 'impersonate-user': name };
  const uid = text(user, 'as-uid');
  if (uid !== undefined) headers['impersonate-uid'] = uid;
  const groups = texts(user['as-groups']);
  if (groups.length > 0) headers['impersonate-group'] = groups;
  for (const [key, values] of Object.entries(objectOf(user['as-user-extra']))) {
    headers[`impersonate-extra-${encodeURIComponent(key).toLowerCase()}`] = texts(values);
  }
  return headers;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
