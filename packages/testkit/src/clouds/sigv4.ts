import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A request as it arrived. Header names in lower case. */
export interface Arrived {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a signature says of its maker, once it was checked. */
export interface Signer {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  /** Milliseconds since the epoch. */
  readonly signedAt: number;
}

type Secret = (accessKeyId: string) => string | undefined;

interface Claim {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly datetime: string;
  readonly query: URLSearchParams;
}

/**
 * Checks Signature Version 4 as AWS does, from the published description of it (AWS: Create a signed AWS API request), in the header or in the
 * query. @returns null for a signature that is missing or wrong
 */
export function signerOf(request: Arrived, secretOf: Secret): Signer | null {
  const claim = inHeader(request) ?? inQuery(request);
  if (claim === null) return null;
  const [accessKeyId = '', date = '', region = '', service = '', end] = claim.credential.split('/');
  const secret = secretOf(accessKeyId);
  if (secret === undefined || end !== 'aws4_request' || !claim.datetime.startsWith(date)) return null;
  const scope = [date, region, service, end].join('/');
  const text = ['AWS4-HMAC-SHA256', claim.datetime, scope, sha256(canonical(request, claim))].join('\n');
  const key = [date, region, service, end].reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secret}`);
  if (!same(hmac(key, text).toString('hex'), claim.signature)) return null;
  const signedAt = Date.parse(
    claim.datetime.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  return { accessKeyId, region, service, signedHeaders: claim.signedHeaders.split(';'), signedAt };
}

function inHeader({ headers, url }: Arrived): Claim | null {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([\da-f]+)$/;
  const [, credential, signedHeaders, signature] = pattern.exec(headers['authorization'] ?? '') ?? [];
  if (credential === undefined || signedHeaders === undefined || signature === undefined) return null;
  return { credential, signedHeaders, signature, datetime: headers['x-amz-date'] ?? '', query: url.searchParams };
}

function inQuery({ url }: Arrived): Claim | null {
  const query = new URLSearchParams(url.searchParams);
  const signature = query.get('X-Amz-Signature');
  if (signature === null || query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return null;
  query.delete('X-Amz-Signature');
  const [credential, signedHeaders, datetime] = ['X-Amz-Credential', 'X-Amz-SignedHeaders', 'X-Amz-Date'].map(
    (name) => query.get(name) ?? '',
  ) as [string, string, string];
  return { credential, signedHeaders, signature, datetime, query };
}

function canonical({ method, url, headers, body }: Arrived, { signedHeaders, query }: Claim): string {
  const pairs = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const named = signedHeaders.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}\n`);
  // The path is encoded once more, for all services but S3.
  const path = url.pathname.split('/').map(encode).join('/');
  return [method, path, pairs.join('&'), named.join(''), signedHeaders, sha256(body)].join('\n');
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
