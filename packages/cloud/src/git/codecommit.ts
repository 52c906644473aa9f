import { createHash, createHmac } from 'node:crypto';
import { userError } from '@plumb/api';
import type { AwsCredentials } from '../aws/sign.ts';

const HOST = /^git-codecommit(?:-fips)?\.([a-z]{2}[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/;
const PATH = /^\/v1\/repos\/[\w.-]{1,100}$/;
const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The region of an address such as `https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/shop`. @throws invalid-spec for any other */
export function codeCommitRegion(url: string): string {
  const { protocol, host, hostname, pathname } = new URL(url);
  if (protocol !== 'https:') throw userError('invalid-spec', 'AWS CodeCommit authentication requires an HTTPS Git URL');
  const region = HOST.exec(hostname)?.[1];
  if (region === undefined || host !== hostname)
    throw userError('invalid-spec', `invalid AWS CodeCommit Git URL: ${host}`);
  if (PATH.test(pathname)) return region;
  throw userError(
    'invalid-spec',
    `invalid CodeCommit URL "${protocol}//${host}${pathname}": path must be /v1/repos/{repository}`,
  );
}

/**
 * What CodeCommit takes for user and password: a signature over host and path of one repository by Signature Version 4, with the method GIT, a time without
 * its zone and no hash of a body (aws/git-remote-codecommit). It is good for a quarter of an hour.
 * @param now milliseconds since the epoch
 */
export function codeCommitLogin(
  url: string,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  now: number,
): { username: string; password: string } {
  const { hostname, pathname } = new URL(url);
  const time = new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}Z/g, '');
  const scope = [time.slice(0, 8), codeCommitRegion(url), 'codecommit', 'aws4_request'];
  const request = ['GIT', pathname, '', `host:${hostname}`, '', 'host', ''].join('\n');
  const hash = createHash('sha256').update(request).digest('hex');
  const text = [ALGORITHM, time, scope.join('/'), hash].join('\n');
  const key = scope.reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`);
  const username = sessionToken === undefined ? accessKeyId : `${accessKeyId}%${sessionToken}`;
  return { username, password: `${time}Z${hmac(key, text).toString('hex')}` };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
