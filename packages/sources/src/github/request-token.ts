import { createPrivateKey, createSign } from 'node:crypto';
import { correctable } from '../git/address.ts';
import { proxied } from '../net/proxied.ts';
import type { GithubAppAuth } from '../git-sources.ts';
import type { TokenBounds } from './tokens.ts';

export interface InstallationToken {
  token: string;
  /** Milliseconds since 1970. */
  expires: number;
}

const API = 'https://api.github.com';
/** GitHub lets a JWT live for ten minutes at most, and its clock may be behind ours (GitHub, "Generating a JSON Web Token"). */
const LIFETIME = 9 * 60;
const BACKDATE = 60;

/** Asks for a token of an installation. @throws PlumbError `authentication-failed`, `invalid-spec`, never with a secret in it */
export async function requestToken(app: GithubAppAuth, bounds: TokenBounds): Promise<InstallationToken> {
  const base = URL.parse(app.baseUrl ?? API);
  if (base === null || (base.protocol !== 'https:' && base.protocol !== 'http:'))
    throw failed('githubAppBaseURL is not an http or https address');
  const id = encodeURIComponent(app.installationId);
  const url = new URL(`${base.pathname.replace(/\/+$/, '')}/app/installations/${id}/access_tokens`, base);
  const answer = await proxied(url, {
    ...bounds,
    method: 'POST',
    headers: { accept: 'application/vnd.github+json', authorization: `Bearer ${jwt(app)}`, 'user-agent': 'plumb' },
  }).catch((error: unknown) => {
    throw failed(`${url.host} cannot be asked for a token: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (answer.status !== 201)
    throw failed(
      `${url.host} answered with HTTP status ${answer.status}: check githubAppID, githubAppInstallationID and the key`,
    );
  return read(answer.body, url.host);
}

function read(body: string, host: string): InstallationToken {
  try {
    const { token, expires_at: end } = JSON.parse(body) as { token?: unknown; expires_at?: unknown };
    const expires = Date.parse(String(end));
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) && !Number.isNaN(expires)) return { token, expires };
  } catch {
    // Told below; the text may hold a token.
  }
  throw failed(`the answer of ${host} holds no token`);
}

function jwt({ appId, privateKey }: GithubAppAuth): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: now - BACKDATE, exp: now + LIFETIME, iss: appId })}`;
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType !== 'rsa') throw new Error('not RSA');
    return `${text}.${createSign('sha256').update(text).sign(key, 'base64url')}`;
  } catch {
    throw failed('githubAppPrivateKey is not an RSA private key in PEM');
  }
}

function failed(why: string): Error {
  return correctable('authentication-failed', `failed to get a token for the GitHub App: ${why}`);
}
