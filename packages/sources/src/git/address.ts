import { oneLine, userError, PlumbError } from '@plumb/api';

const SCHEMES = ['http', 'https', 'ssh'];

/**
 * Checks spec.url. Returns the address for git, without anything that could be taken for an option or a secret. Of ssh, a user may
 * stand in it; `git` by default.
 * @throws PlumbError `invalid-url`
 */
export function parseAddress(url: string): string {
  // A control character would be dropped by the URL parser, but not by git.
  if (/[\u0000-\u0020\u007f]/.test(url))
    throw userError('invalid-url', 'failed to parse url: spec.url must not hold spaces or control characters');
  const parsed = URL.parse(url);
  if (parsed === null) throw refuse(url, 'use http://, https:// or ssh:// with a host');
  const { protocol, username, password } = parsed;
  const scheme = protocol.slice(0, -1);
  if (!SCHEMES.includes(scheme)) throw refuse(url, 'its scheme is not supported, use http, https or ssh');
  if (password !== '' || (username !== '' && scheme !== 'ssh'))
    throw refuse(url, 'it holds credentials, put them in the secret of spec.secretRef');
  if (parsed.search !== '' || parsed.hash !== '') throw refuse(url, 'it must not have a query or a fragment');
  if (scheme === 'ssh') completeSsh(parsed, url);
  return parsed.href;
}

/** Host and user become arguments of a program. */
function completeSsh(parsed: URL, url: string): void {
  if (!/^(\w[\w.-]*|\[[0-9a-f:]+\])$/i.test(parsed.hostname) || !/^(\w[\w.-]*)?$/.test(parsed.username))
    throw refuse(url, 'it needs a plain host name and user, such as ssh://git@host/path');
  if (parsed.pathname.length < 2) throw refuse(url, 'it names no repository on its host');
  if (parsed.username === '') parsed.username = 'git';
}

function refuse(url: string, words: string): Error {
  return userError('invalid-url', `failed to parse url '${shown(url)}': ${words}`);
}

/** As much of an address that cannot be used as holds no secret, whichever part of it somebody takes for the password. */
function shown(url: string): string {
  const scheme = /^[a-z][a-z\d+.-]*:\/\//i.exec(url)?.[0] ?? '';
  const rest = url.slice(scheme.length);
  const [plain = ''] = rest.split(/[?#]/, 1);
  if (!rest.includes('@')) return `${scheme}${plain}`;
  // What stands behind it may be the end of a password, or of a query.
  if (rest.lastIndexOf('@') > plain.length) return `${scheme}***`;
  return `${scheme}***@${plain.slice(plain.lastIndexOf('@') + 1)}`;
}

/** Takes `user:password@` out of every URL in a text. */
export function scrubUserInfo(text: string): string {
  return text.replaceAll(/\/\/[^/\s'"]*@/g, '//***@');
}

/** Takes secrets and URL credentials out of a text. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = scrubUserInfo(text);
  for (const secret of secrets) clean = clean.replaceAll(secret, '***');
  return clean;
}

/** A retryable failure that the user can mend: wrong credentials, a branch that is not there yet. */
export function correctable(code: PlumbError['code'], message: string, status?: number): PlumbError {
  return new PlumbError(code, oneLine(message), {
    fault: 'user',
    policy: 'retry',
    ...(status === undefined ? {} : { status }),
  });
}
