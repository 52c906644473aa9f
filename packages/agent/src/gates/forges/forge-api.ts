import { oneLine } from '@plumb/api';
import { proxied } from '@plumb/sources';
import { guardedLookup, tenantProblem } from '../external/addresses.ts';

/** How the API of a forge is asked. */
export interface ForgeAccess {
  /** Its address, without a slash at the end. */
  url: string;
  /** The headers that say who asks. */
  headers: Readonly<Record<string, string>>;
  /** PEM certificates to trust instead of the system's. */
  ca: string | undefined;
  /** A tenant chose the address. */
  isTenants: boolean;
  /** Where the token stands, for messages: `Secret shop/forge`. */
  tokenIn: string;
  /** A reading of performance.now(). */
  deadline: number;
  signal: AbortSignal;
}

/** Requests that one answer may take. */
const MOST_REQUESTS = 300;
/** Pages of one list. */
const MOST_PAGES = 20;
/** Bytes of one page. */
const LONGEST = 8 * 1024 * 1024;

/** Asks the API of a forge; no redirect is followed, and every error is in words for people. */
export class ForgeApi {
  readonly #access: ForgeAccess;
  readonly #host: string;
  #asked = 0;

  /** @throws Error where nobody may ask there */
  constructor(access: ForgeAccess) {
    this.#access = access;
    const { host, hostname } = new URL(access.url);
    this.#host = host;
    const problem = access.isTenants ? tenantProblem(hostname) : null;
    if (problem !== null) throw new Error(`${host} cannot be asked: ${problem}`);
  }

  /** @returns null where there is no such thing */
  async find(path: string): Promise<unknown> {
    const { url, headers, ca, deadline, signal, isTenants } = this.#access;
    this.#asked += 1;
    if (this.#asked > MOST_REQUESTS) throw new Error(`it takes more than ${MOST_REQUESTS} questions to ${this.#host}`);
    const all = { accept: 'application/json', 'user-agent': 'plumb', ...headers };
    const lookup = isTenants ? guardedLookup : undefined;
    const bounds = { headers: all, ca, deadline, signal, lookup, longest: LONGEST };
    const answer = await proxied(new URL(`${url}${path}`), { method: 'GET', ...bounds }).catch((error: unknown) => {
      throw new Error(
        `${this.#host} cannot be asked: ${oneLine(error instanceof Error ? error.message : String(error))}`,
      );
    });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw new Error(this.#refused(answer.status));
    return this.#parsed(answer.body);
  }

  /** @throws Error where there is no such thing */
  async get(path: string): Promise<unknown> {
    const found = await this.find(path);
    if (found === null)
      throw new Error(
        `${this.#host} knows nothing of ${path}: check repository and url, and what the token in ${this.#access.tokenIn} may read`,
      );
    return found;
  }

  /** A list, page by page, until one holds fewer than `full`. @param full zero: until one is empty, for servers that may hold back more than they were asked to */
  async list(path: string, full: number): Promise<unknown[]> {
    const all: unknown[] = [];
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const items = await this.get(`${path}${path.includes('?') ? '&' : '?'}page=${page}`);
      if (!Array.isArray(items)) throw new Error(`the answer of ${this.#host} to ${path} is no list`);
      all.push(...(items as unknown[]));
      if (items.length === 0 || items.length < full) return all;
    }
    throw new Error(`${this.#host} lists more than ${MOST_PAGES} pages of ${path}`);
  }

  #refused(status: number): string {
    const { tokenIn } = this.#access;
    const said = `${this.#host} answered with HTTP status ${status}`;
    if (status === 401 || status === 403) return `${said}: check the token in ${tokenIn}, and what it may read`;
    if (status === 429) return `${said}: it is asked too often`;
    return status >= 300 && status < 400 ? `${said}: it is elsewhere by now, name it by url and repository` : said;
  }

  /** A parser's message quotes the text. */
  #parsed(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch {
      throw new Error(`the answer of ${this.#host} is no JSON`);
    }
  }
}

/** What stands in an answer; undefined where it does not. */
export function inside(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** A text in an answer; empty where it is none. */
export function textIn(value: unknown, ...path: readonly string[]): string {
  const found = inside(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** A number in an answer; NaN where it is none. */
export function numberIn(value: unknown, ...path: readonly string[]): number {
  const found = inside(value, ...path);
  return typeof found === 'number' ? found : Number.NaN;
}

/** A time in an answer, in milliseconds since the epoch; NaN where it is none. */
export function timeIn(value: unknown, ...path: readonly string[]): number {
  return Date.parse(textIn(value, ...path));
}

/** A list in an answer; empty where it is none. */
export function listIn(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = inside(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}
