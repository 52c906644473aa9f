import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { GitProxy } from '../git-sources.ts';
import { tunnel } from './tunnel.ts';

export interface ProxiedRequest {
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** A reading of performance.now(), which nobody can set. */
  deadline: number;
  signal: AbortSignal;
  proxy?: GitProxy;
  /** PEM certificates to trust instead of the system's. */
  ca?: string | undefined;
  /** PEM certificate and key to be known by. */
  client?: { cert: string; key: string } | undefined;
  /** How names become addresses, where no proxy does it. A name that is an address is not looked up. */
  lookup?: LookupFunction | undefined;
  /** Bytes of an answer. Default 1 MiB. */
  longest?: number;
}

export interface ProxiedAnswer {
  status: number;
  /** By their names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** The server's time of day, in milliseconds since 1970; undefined where it tells none. */
  date?: number;
  body: string;
}

const MAX_BODY = 1024 * 1024;

/** One request and its answer, through a proxy where one is given. No redirect is followed. */
export async function proxied(url: URL, options: ProxiedRequest): Promise<ProxiedAnswer> {
  const late = AbortSignal.timeout(Math.max(1, Math.ceil(options.deadline - performance.now())));
  const signal = AbortSignal.any([options.signal, late]);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const settings: RequestOptions = { method: options.method, headers: options.headers, signal, agent: false };
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const trust = { ...(options.ca !== undefined && { ca: options.ca }), ...options.client };
  if (options.proxy) {
    const socket = await tunnel(options.proxy, { host, port: Number(url.port || (secure ? 443 : 80)) }, signal);
    settings.createConnection = () => (secure ? connectTls({ socket, servername: host, ...trust }) : socket);
  }
  if (options.lookup !== undefined) settings.lookup = options.lookup;
  const request = (secure ? requestHttps : requestHttp)(url, { ...settings, ...trust }, resolve);
  request.once('error', reject).end(options.body);
  const response = await promise;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > (options.longest ?? MAX_BODY)) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  const date = Date.parse(response.headers.date ?? '');
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
    ...(Number.isNaN(date) ? {} : { date }),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
