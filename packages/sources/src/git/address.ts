import { userError, PlumbError } from '@plumb/api';

const SCHEMES = ['http', 'https', 'ssh'];

/**
 * Checks spec.url. Returns the address for git, without anything that could be taken for an option or a secret. Of ssh, a user may
 * stand in it; `git` by default.
 * @throws PlumbError `invalid-url`
 */
export function parseAddress(url: string): string {
  // A control character would be dropped by the URL parser, but not by git.
  if (/[\u0000-\u0020\u007f]/.test(url)) throw refuse('spec.url must not hold spaces or control characters');
  const shown = scrubUserInfo(url);
  const parsed = URL.parse(url);
  if (parsed === null) throw refuse(`failed to parse url '${shown}': use http://, https:// or ssh://`);
  const { protocol, username, password } = parsed;
  const scheme = protocol.slice(0, -1);
  if (!SCHEMES.includes(scheme))
    throw refuse(`spec.url '${shown}': scheme '${scheme}' is not supported, use http, https or ssh`);
  if (password !== '' || (username !== '' && scheme !== 'ssh'))
    throw refuse(`spec.url '${shown}' holds credentials: put them in the secret of spec.secretRef`);
  if (parsed.search !== '' || parsed.hash !== '')
    throw refuse(`spec.url '${shown.replace(/[?#].*/s, '')}' must not have a query or a fragment`);
  if (scheme === 'ssh') completeSsh(parsed, shown);
  return parsed.href;
}

/** Host and user become arguments of a program. */
function completeSsh(url: URL, shown: string): void {
  if (!/^(\w[\w.-]*|\[[0-9a-f:]+\])$/i.test(url.hostname) || !/^(\w[\w.-]*)?$/.test(url.username))
    throw refuse(`spec.url '${shown}' needs a plain host name and user, such as ssh://git@host/path`);
  if (url.pathname.length < 2) throw refuse(`spec.url '${shown}' names no repository on its host`);
  if (url.username === '') url.username = 'git';
}

function refuse(words: string): Error {
  return userError('invalid-url', words);
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
  return new PlumbError(code, message, { fault: 'user', policy: 'retry', ...(status === undefined ? {} : { status }) });
}
