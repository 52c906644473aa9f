import { AwsV4Signer } from 'aws4fetch';
import type { Ask } from '../http.ts';

/** Temporary or lasting keys. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface AwsScope {
  readonly service: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A request with Signature Version 4 in its headers (AWS: Signature Version 4 for API requests). */
export async function signed(ask: Ask, credentials: AwsCredentials, scope: AwsScope): Promise<Ask> {
  const signer = signerOf(ask, credentials, { ...scope, signQuery: false });
  const { headers } = await signer.sign();
  return { ...ask, headers: Object.fromEntries(headers) };
}

/** A URL that carries the signature itself; its headers are signed too and must be sent along. */
export async function presigned(ask: Ask, credentials: AwsCredentials, scope: AwsScope): Promise<string> {
  const signer = signerOf(ask, credentials, { ...scope, signQuery: true });
  return (await signer.sign()).url.href;
}

function signerOf(
  { method, url, headers = {}, body }: Ask,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  { service, region, now, signQuery }: AwsScope & { signQuery: boolean },
): AwsV4Signer {
  const datetime = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '');
  return new AwsV4Signer({
    method,
    url,
    headers: { ...headers },
    accessKeyId,
    secretAccessKey,
    service,
    region,
    datetime,
    signQuery,
    ...(body === undefined ? {} : { body }),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  });
}
