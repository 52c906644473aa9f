import { userError, PlumbError } from '@plumb/api';

/**
 * Checks spec.url. Returns the address for git, without anything that could be taken for an option or a secret.
 * @throws PlumbError `invalid-url`, `not-implemented` (ssh)
 */
export function parseAddress(url: string): string {
  // A control character would be dropped by the URL parser, but not by git.
  if (/[\u0000-\u0020\u007f]/.test(url))
    throw userError('invalid-url', `spec.url must not hold spaces or control characters`);
  const parsed = URL.parse(url);
  if (parsed === null)
    throw userError('invalid-url', `failed to parse url '${scrubUserInfo(url)}': use http:// or https://`);
  if (parsed.protocol === 'ssh:') {
    throw userError('not-implemented', `spec.url '${scrubUserInfo(url)}': ssh is not supported yet, use https`);
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw userError(
      'invalid-url',
      `spec.url '${scrubUserInfo(url)}': scheme '${parsed.protocol.slice(0, -1)}' is not supported, use http or https`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw userError(
      'invalid-url',
      `spec.url '${scrubUserInfo(url)}' holds credentials: put them in the secret of spec.secretRef`,
    );
  }
  if (parsed.search !== '' || parsed.hash !== '') {
    throw userError('invalid-url', `spec.url '${parsed.origin}${parsed.pathname}' must not have a query or a fragment`);
  }
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
