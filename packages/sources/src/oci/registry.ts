import { createHash } from 'node:crypto';
import { systemError, type PlumbError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import { exchange, type Exchanged } from './exchange.ts';
import { isLoopback } from './forbidden-hosts.ts';
import { challengeOf, type Challenge } from './challenge.ts';
import type { RegistryLogin } from './logins.ts';

export interface RepositoryOptions {
  /** Host, with its port, and path: `ghcr.io/example/web`. */
  repository: string;
  login: RegistryLogin | null;
  signal: AbortSignal;
  env: Readonly<Record<string, string>>;
}

/** What a manifest or index names. */
export interface Descriptor {
  mediaType?: string;
  digest?: string;
  size?: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface Manifest {
  digest: string;
  layers: readonly Descriptor[];
  manifests: readonly Descriptor[];
}

const MANIFEST_LIMIT = 4 * 1024 * 1024;
const ANSWER_LIMIT = 1024 * 1024;
const HUB = 'registry-1.docker.io';
const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');
const INDEX = 'application/vnd.oci.image.index.v1+json';
/** A registry says so of what it has not got, or does not know how to answer. */
const ABSENT = new Set([400, 404, 405, 406, 415, 501]);
const REFERENCE = /^(?:\w[\w.-]{0,127}|sha(?:256|384|512):[a-f\d]{64,128})$/;
/** Pages of a list that is longer are not asked for. */
const MOST_PAGES = 20;
/** Entries of a list: one that is longer is not read on. */
const MOST_LISTED = 1_000;

/** One repository in a registry, as the OCI distribution specification 1.1 has it: only read. */
export class Repository {
  readonly #options: RepositoryOptions;
  readonly #base: URL;
  readonly #path: string;
  #authorization: string | null = null;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    const slash = options.repository.indexOf('/');
    const named = options.repository.slice(0, slash);
    const host = named === 'docker.io' ? HUB : named;
    const base = URL.parse(`https://${host}`);
    if (slash < 1 || base === null || base.pathname !== '/')
      throw correctable('source-failed', `'${options.repository}' names no registry`);
    // As every client of registries does: what is on this machine has no certificate.
    if (isLoopback(base.hostname)) base.protocol = 'http:';
    this.#base = base;
    this.#path = options.repository.slice(slash + 1);
  }

  /** @param reference a tag or digest @returns null when there is none @throws PlumbError `source-failed` */
  async manifest(reference: string): Promise<Manifest | null> {
    this.#expectReference(reference);
    const { status, body, headers } = await this.#get(`manifests/${reference}`, MANIFESTS, MANIFEST_LIMIT);
    if (status === 404) return null;
    this.#expectOk(status, body, `manifest ${reference}`);
    const digest = digestOf(body);
    if (reference.includes(':') && !isOfDigest(body, reference)) throw this.#tampered(reference);
    const told = headers['docker-content-digest'];
    if (typeof told === 'string' && told.startsWith('sha256:') && told !== digest) throw this.#tampered(told);
    const { layers, manifests } = this.#parsed(body, `manifest ${reference}`);
    return { digest, layers: listOf(layers), manifests: listOf(manifests) };
  }

  /** The bytes of a blob. @throws PlumbError `source-failed`, also where they are not of that digest */
  async blob(digest: string, limit: number): Promise<Buffer> {
    this.#expectReference(digest);
    const { status, body } = await this.#get(`blobs/${digest}`, '*/*', limit);
    this.#expectOk(status, body, `blob ${digest}`);
    if (!isOfDigest(body, digest)) throw this.#tampered(digest);
    return body;
  }

  /** What refers to a manifest: by the API for it, or by the tag that stands in for it where a registry has no such API. */
  async referrers(digest: string): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    let next: string | null = `referrers/${digest}`;
    for (let page = 0; next !== null; page += 1) {
      if (page === MOST_PAGES) throw this.#failed(`more than ${MOST_PAGES} pages refer to ${digest}`);
      const { status, body, headers }: Exchanged = await this.#get(next, INDEX, MANIFEST_LIMIT);
      if (page === 0 && ABSENT.has(status)) return (await this.manifest(digest.replace(':', '-')))?.manifests ?? [];
      this.#expectOk(status, body, `what refers to ${digest}`);
      found.push(...listOf(this.#parsed(body, `what refers to ${digest}`).manifests));
      if (found.length > MOST_LISTED) throw this.#failed(`more than ${MOST_LISTED} manifests refer to ${digest}`);
      next = this.#nextOf(headers.link);
    }
    return found;
  }

  /** RFC 8288, within the repository. */
  #nextOf(link: string | string[] | undefined): string | null {
    const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(link ?? ''))?.[1];
    if (target === undefined) return null;
    const { pathname, search } = new URL(target, new URL(`/v2/${this.#path}/referrers/`, this.#base));
    const start = `/v2/${this.#path}/`;
    if (!pathname.startsWith(start)) throw this.#failed('the next page of a list is elsewhere');
    return `${pathname.slice(start.length)}${search}`;
  }

  async #get(path: string, accept: string, limit: number): Promise<Exchanged> {
    const { signal, env } = this.#options;
    const url = new URL(`/v2/${this.#path}/${path}`, this.#base);
    const ask = (): Promise<Exchanged> => {
      const authorization = this.#authorization;
      const headers = { accept, ...(authorization !== null && { authorization }) };
      return exchange(url, { headers, limit, signal, env });
    };
    const answer = await ask();
    // Who is redirected to does not say who may see the login.
    if (answer.status !== 401 || answer.host !== this.#base.host) return answer;
    const challenge = challengeOf(answer.headers['www-authenticate']);
    if (challenge === null) return answer;
    this.#authorization = await this.#authorize(challenge);
    return ask();
  }

  async #authorize(challenge: Challenge): Promise<string> {
    const { login, signal, env } = this.#options;
    const basic =
      login === null ? null : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
    if (challenge.scheme === 'basic') {
      if (basic === null) throw this.#refused('it wants a login, and there is none for it');
      return basic;
    }
    const url = URL.parse(challenge.realm);
    if (url === null) throw this.#failed('it names no address that gives tokens');
    if (challenge.service !== null) url.searchParams.set('service', challenge.service);
    url.searchParams.set('scope', `repository:${this.#path}:pull`);
    const headers = { accept: 'application/json', ...(basic !== null && { authorization: basic }) };
    const { status, body } = await exchange(url, { from: this.#base, headers, limit: ANSWER_LIMIT, signal, env });
    if (status === 401 || status === 403) throw this.#refused(`'${url.host}' gives no token for it`);
    if (status !== 200) throw this.#failed(`'${url.host}' answered ${status} where a token was asked for`);
    const { token, access_token: accessToken } = this.#parsed(body, 'a token');
    const bearer = token ?? accessToken;
    if (typeof bearer !== 'string' || /[\r\n]/.test(bearer)) throw this.#failed(`'${url.host}' gave no token`);
    return `Bearer ${bearer}`;
  }

  /** Lists are written by whoever may push, and what they name becomes part of an address. */
  #expectReference(reference: string): void {
    if (REFERENCE.test(reference)) return;
    throw this.#failed(`it names '${reference.slice(0, 100)}', which is neither a tag nor a digest`);
  }

  #expectOk(status: number, body: Buffer, what: string): void {
    if (status === 200) return;
    if (status === 401 || status === 403) throw this.#refused(`it does not show ${what}`);
    const code = /"code"\s*:\s*"([A-Z_]{1,40})"/.exec(body.subarray(0, 2_000).toString())?.[1];
    throw this.#failed(
      `it answered ${status}${code === undefined ? '' : ` ${code}`} where ${what} was asked for`,
      status,
    );
  }

  #parsed(body: Buffer, what: string): Record<string, unknown> {
    try {
      const parsed: unknown = JSON.parse(body.toString('utf8'));
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as Record<string, unknown>;
    } catch {
      // Told below.
    }
    throw this.#failed(`its answer is no JSON object where ${what} was asked for`);
  }

  #failed(why: string, status?: number): PlumbError {
    const message = `registry '${this.#base.host}', repository '${this.#path}': ${why}`;
    return status === undefined || status < 500
      ? correctable('source-failed', message, status)
      : systemError('source-failed', message);
  }

  #refused(why: string): PlumbError {
    const { login } = this.#options;
    const next = login === null ? 'name a Secret with a login in pullSecretRefs' : 'check the login in pullSecretRefs';
    return this.#failed(`${why}; ${next}`);
  }

  #tampered(digest: string): PlumbError {
    return this.#failed(`it gave something that is not of digest ${digest}`);
  }
}

function listOf(value: unknown): Descriptor[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is Descriptor => typeof one === 'object' && one !== null);
}

function digestOf(body: Buffer, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
}

function isOfDigest(body: Buffer, digest: string): boolean {
  const [algorithm = ''] = digest.split(':');
  return ['sha256', 'sha384', 'sha512'].includes(algorithm) && digestOf(body, algorithm) === digest;
}
