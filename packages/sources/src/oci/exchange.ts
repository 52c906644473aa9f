import { Agent as HttpAgent, request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { systemError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import { guardedLookup, hostProblem, isLoopback } from './forbidden-hosts.ts';

export interface ExchangeOptions {
  /** Who named the address; by default nobody but who asks. */
  from?: URL;
  headers: Readonly<Record<string, string>>;
  /** Most bytes of a body. */
  limit: number;
  signal: AbortSignal;
  /** Variables that name proxies. */
  env: Readonly<Record<string, string>>;
}

export interface Exchanged {
  /** Who answered, with the port: somebody else than who was asked, where that redirected. */
  host: string;
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const STALL = 10_000;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * One GET, and where its redirects lead: without what only the first host may see. Nothing but https is spoken, with this machine http too, and no
 * address is asked that no registry has.
 * @throws PlumbError `source-failed`
 */
export async function exchange(url: URL, { from = url, ...options }: ExchangeOptions): Promise<Exchanged> {
  let at = checked(url, from);
  let headers = options.headers;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const answer = await get(at, { ...options, headers });
    const { location } = answer.headers;
    if (!REDIRECTS.has(answer.status) || location === undefined) return answer;
    const to = URL.parse(location, at.href);
    if (to === null) throw correctable('source-failed', `'${at.host}' redirects to what is no address`);
    at = checked(to, at);
    const { authorization: _, ...rest } = headers;
    headers = rest;
  }
  throw correctable('source-failed', `'${url.host}' redirects more than ${MAX_REDIRECTS} times`);
}

/** @param from who leads there: what is elsewhere may not lead to this machine */
function checked(url: URL, from: URL): URL {
  const refuse = (why: string): Error => correctable('source-failed', `'${url.host}' is not asked: ${why}`);
  const isPlain = url.protocol === 'http:' && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !isPlain) throw refuse('registries are spoken to by https only');
  if (url.username !== '' || url.password !== '') throw refuse('its address holds credentials');
  if (isLoopback(url.hostname) && !isLoopback(from.hostname)) throw refuse(`'${from.host}' leads to this machine`);
  const problem = hostProblem(url.hostname);
  if (problem !== null) throw refuse(problem);
  return url;
}

async function get(url: URL, { headers, limit, signal, env }: Omit<ExchangeOptions, 'from'>): Promise<Exchanged> {
  const isSecure = url.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const settings: RequestOptions = {
    signal,
    headers,
    lookup: guardedLookup,
    agent: isSecure ? new HttpsAgent({ proxyEnv: env }) : new HttpAgent(),
  };
  const request = (isSecure ? requestHttps : requestHttp)(url, settings, resolve);
  request.setTimeout(STALL, () => request.destroy(new Error(`nothing came for ${STALL / 1_000} s`)));
  request.once('error', reject).end();
  try {
    const answer = await promise;
    const body = await bodyOf(answer, limit);
    return { host: url.host, status: answer.statusCode ?? 0, headers: answer.headers, body };
  } catch (error) {
    const { message = '', code = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
    const words = signal.aborted ? 'it took too long' : message === '' ? code : message;
    throw systemError('source-failed', `registry '${url.host}' could not be asked: ${words}`, error);
  }
}

async function bodyOf(answer: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) {
      answer.destroy();
      throw new Error(`an answer has more than ${limit} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
