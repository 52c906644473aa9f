import { userError, PlumbError } from '@plumb/api';

const SCHEMES = ['http:', 'https:', 'ssh:'];

/**
 * Checks spec.url. Returns the address for git, without anything that could be taken for an option or a secret. Of ssh, a user may
 * stand in it; `git` by default.
 * @throws PlumbError `invalid-url`
 */
export function parseAddress(url: string): string {
  const shown = scrubUserInfo(url);
  const refuse = (words: string): Error => userError('invalid-url', words);
  // A control character would be dropped by the URL parser, but not by git.
  if (/[\u0000-\u0020\u007f]/.test(url)) throw refuse('spec.url must not hold spaces or control characters');
  const parsed = URL.parse(url);
  if (parsed === null) throw refuse(`failed to parse url '${shown}': use http://, https:// or ssh://`);
  const { protocol, username, password, hostname } = parsed;
  if (!SCHEMES.includes(protocol))
    throw refuse(`spec.url '${shown}': scheme '${protocol.slice(0, -1)}' is not supported, use http, https or ssh`);
  const ssh = protocol === 'ssh:';
  if (password !== '' || (username !== '' && !ssh))
    throw refuse(`spec.url '${shown}' holds credentials: put them in the secret of spec.secretRef`);
  if (parsed.search !== '' || parsed.hash !== '')
    throw refuse(`spec.url '${shown.replace(/[?#].*/s, '')}' must not have a query or a fragment`);
  if (ssh && (!/^(\w[\w.-]*|\[[0-9a-f:]+\])$/i.test(hostname) || !/^([\w][\w.-]*)?$/.test(username)))
    throw refuse(`spec.url '${shown}' needs a plain host name and user, such as ssh://git@host/path`);
  if (ssh && parsed.pathname.length < 2) throw refuse(`spec.url '${shown}' names no repository on its host`);
  if (ssh && username === '') parsed.username = 'git';
  return parsed.href;
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
