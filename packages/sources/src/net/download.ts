import { Agent as HttpAgent, request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { correctable, scrubUserInfo } from '../git/address.ts';
import { systemError } from '@plumb/api';
import { localKind } from './addresses.ts';
import { lookupGuardedBy } from './guarded-lookup.ts';

export interface DownloadOptions {
  /** Ends the exchange, its body too. */
  signal: AbortSignal;
  headers?: Readonly<Record<string, string>>;
  /** Variables that name proxies, in any case; others do not count. */
  env: Readonly<Record<string, string>>;
  /** Milliseconds without a byte after which the exchange is given up. Default 15,000. */
  stall?: number;
}

const STALL = 15_000;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Why nothing is fetched from a host; null where it may be. Nothing to build of is where clouds hand out the identity of machines. */
export function fetchProblem(host: string): string | null {
  return localKind(host) === 'link' ? `'${host}' is of this machine or its own network alone` : null;
}

const guardedLookup = lookupGuardedBy((_hostname, address) => fetchProblem(address));

/**
 * One GET, and where its redirects lead. No credentials are sent, nothing but http and https is spoken, and nothing goes from https
 * back to http, nor from elsewhere to this machine. The answer's body must be read or destroyed.
 * @throws PlumbError `source-failed`
 */
export async function download(address: string, options: DownloadOptions): Promise<IncomingMessage> {
  let url = urlOf(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const answer = await get(url, options);
    const { location } = answer.headers;
    if (!REDIRECTS.has(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.destroy();
    url = redirected(url, location);
  }
  throw correctable('source-failed', `'${shown(address)}' redirects more than ${MAX_REDIRECTS} times`);
}

/** The whole of a body. @throws PlumbError `source-failed` when it is longer than `limit` or cut off */
export async function bodyOf(
  answer: IncomingMessage,
  { address, limit, signal }: { address: string; limit: number; signal: AbortSignal },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw correctable('source-failed', `'${shown(address)}' has more than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    answer.destroy();
    throw size > limit ? error : cutShort(address, error, signal);
  }
  return Buffer.concat(chunks);
}

function urlOf(address: string): URL {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw correctable('source-failed', `'${shown(address)}' is not an address of http or https`);
  if (url.username !== '' || url.password !== '')
    throw correctable('source-failed', `'${shown(address)}' holds credentials, and none are sent`);
  const problem = fetchProblem(url.hostname);
  if (problem !== null) throw correctable('source-failed', `'${shown(address)}' is not fetched: ${problem}`);
  return url;
}

function redirected(from: URL, location: string): URL {
  const refuse = (why: string): Error => correctable('source-failed', `'${shown(from.href)}' redirects, and ${why}`);
  const to = URL.parse(location, from.href);
  if (to === null || (to.protocol !== 'http:' && to.protocol !== 'https:'))
    throw refuse('it leads to something other than http or https');
  if (to.username !== '' || to.password !== '') throw refuse('its target holds credentials');
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw refuse(`it leads from https to http (host '${to.host}')`);
  if (localKind(to.hostname) === 'loopback' && localKind(from.hostname) !== 'loopback')
    throw refuse(`it leads to this machine ('${to.host}')`);
  const problem = fetchProblem(to.hostname);
  if (problem !== null) throw refuse(problem);
  return to;
}

/** Names in a cluster end with a dot, so that no search list is tried; servers know themselves without it. */
async function get(url: URL, { signal, headers = {}, env, stall = STALL }: DownloadOptions): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const name = url.hostname.replace(/\.$/, '');
  const settings: RequestOptions = {
    signal,
    lookup: guardedLookup,
    headers: { ...headers, host: url.port === '' ? name : `${name}:${url.port}` },
    agent: secure ? new HttpsAgent({ proxyEnv: env, servername: name }) : new HttpAgent({ proxyEnv: env }),
  };
  const request = (secure ? requestHttps : requestHttp)(url, settings, resolve);
  request.setTimeout(stall, () => request.destroy(new Error(`nothing came for ${stall / 1_000}s`)));
  request.once('error', reject).end();
  try {
    return await promise;
  } catch (error) {
    throw cutShort(url.href, error, signal);
  }
}

/** What an exchange that did not end well is told as. */
function cutShort(address: string, error: unknown, signal: AbortSignal): Error {
  const { message = '', code = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const words = signal.aborted ? 'it took too long' : message === '' ? code : message;
  return systemError('source-failed', `'${shown(address)}' could not be fetched: ${words}`, error);
}

/** An address as a message shows it: a query may hold a token. */
function shown(address: string): string {
  const text = scrubUserInfo(address).replace(/\?.*/s, '');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
