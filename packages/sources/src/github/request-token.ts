import { createPrivateKey, createSign } from 'node:crypto';
import { correctable } from '../git/address.ts';
import { proxied, type ProxiedAnswer } from '../net/proxied.ts';
import type { GithubAppAuth } from '../git-sources.ts';
import type { TokenBounds } from './tokens.ts';

export interface InstallationToken {
  token: string;
  /** A reading of performance.now(), which nobody can set. */
  expires: number;
}

const API = 'https://api.github.com';
/** GitHub lets a JWT live for ten minutes at most, and its clock may be behind ours (GitHub, "Generating a JSON Web Token"). */
const LIFETIME = 9 * 60;
const BACKDATE = 60;
/** Milliseconds: no token of an installation lives longer (GitHub, "Generating an installation access token"). */
const LONGEST_LIFE = 3_600_000;

/** Asks the API as the App itself, below its base address. */
type Ask = (method: 'GET' | 'POST', path: string) => Promise<ProxiedAnswer>;

/** Asks for a token of an installation. @throws PlumbError `authentication-failed`, never with a secret in it */
export async function requestToken(app: GithubAppAuth, bounds: TokenBounds): Promise<InstallationToken> {
  const base = URL.parse(app.baseUrl ?? API);
  if (base === null || (base.protocol !== 'https:' && base.protocol !== 'http:'))
    throw failed('githubAppBaseURL is not an http or https address');
  const { host } = base;
  const authorization = `Bearer ${jwt(app)}`;
  const headers = { accept: 'application/vnd.github+json', authorization, 'user-agent': 'plumb' };
  const ask: Ask = (method, path) =>
    proxied(new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base), { ...bounds, method, headers }).catch(
      (error: unknown) => {
        throw failed(`${host} cannot be asked for a token: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  const { installation } = app;
  const id = 'id' in installation ? installation.id : await installationOf(installation.owner, ask, host);
  const asked = performance.now();
  const answer = await ask('POST', `/app/installations/${encodeURIComponent(id)}/access_tokens`);
  if (answer.status !== 201) throw refused(host, answer.status, installation);
  return read(answer, asked, host);
}

/** The id of an owner's installation: an organization's, else a user's. */
async function installationOf(owner: string, ask: Ask, host: string): Promise<string> {
  if (!/^\w[\w-]{0,99}$/.test(owner))
    throw failed('githubAppInstallationOwner is not the name of an organization or user');
  for (const kind of ['orgs', 'users']) {
    const { status, body } = await ask('GET', `/${kind}/${owner}/installation`);
    if (status === 200) return idIn(body, host);
    if (status !== 404) throw refused(host, status, { owner });
  }
  throw failed(`${host} knows no installation for '${owner}': check githubAppInstallationOwner`);
}

function idIn(body: string, host: string): string {
  const id = parsed(body)?.['id'];
  if (Number.isSafeInteger(id)) return String(id);
  throw failed(`the answer of ${host} holds no installation`);
}

/** How long it lives is reckoned by the server's clock, and counted by ours from when it was asked for. */
function read({ body, date = Date.now() }: ProxiedAnswer, asked: number, host: string): InstallationToken {
  const { token, expires_at: end } = parsed(body) ?? {};
  const life = Date.parse(String(end)) - date;
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) && !Number.isNaN(life))
    return { token, expires: asked + Math.min(life, LONGEST_LIFE) };
  throw failed(`the answer of ${host} holds no token`);
}

/** A parser's message quotes the text, which may hold a token. */
function parsed(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
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

function refused(host: string, status: number, installation: GithubAppAuth['installation']): Error {
  const key = 'id' in installation ? 'githubAppInstallationID' : 'githubAppInstallationOwner';
  return failed(`${host} answered with HTTP status ${status}: check githubAppID, ${key} and the key`);
}

function failed(why: string): Error {
  return correctable('authentication-failed', `failed to get a token for the GitHub App: ${why}`);
}
