import { askJson, textOf, type Http } from '../http.ts';
import { expiryAt, expiryIn, type Token } from '../token.ts';

export const SCOPES = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/userinfo.email',
] as const;

interface Way {
  http: Http;
  now: () => number;
}

const JWT = 'urn:ietf:params:oauth:token-type:jwt';

/** A token of another issuer for one of Google (Security Token Service: v1.token). `audience` names the provider of the pool that trusts that issuer. */
export async function exchange(
  { url, audience, token, type = JWT }: { url: string; audience: string; token: string; type?: string },
  { http, now }: Way,
): Promise<Token> {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience,
    scope: SCOPES.join(' '),
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: token,
    subject_token_type: type,
  });
  return grant(url, body, { what: `Google STS gave no token for ${audience}`, secrets: [token] }, { http, now });
}

/** Asks an OAuth token endpoint (RFC 6749). */
export async function grant(
  url: string,
  body: URLSearchParams,
  subject: { what: string; secrets: string[] },
  { http, now }: Way,
): Promise<Token> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await askJson(http, { method: 'POST', url, headers, body: body.toString() }, subject);
  return { value: textOf(answer, 'access_token', subject), expiresAt: expiryIn(answer['expires_in'], now()) };
}

/** A token of a Google service account, for whoever may act as it (IAM Credentials: generateAccessToken). */
export async function impersonate(url: string, token: string, { http, now }: Way): Promise<Token> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const subject = { what: `Google IAM let nobody act as ${accountIn(url)}`, secrets: [token] };
  const ask = { method: 'POST', url, headers, body: JSON.stringify({ scope: SCOPES }) } as const;
  const answer = await askJson(http, ask, subject);
  return { value: textOf(answer, 'accessToken', subject), expiresAt: expiryAt(answer['expireTime'], now()) };
}

function accountIn(url: string): string {
  return /serviceAccounts\/([^:]+):/.exec(url)?.[1] ?? url;
}
