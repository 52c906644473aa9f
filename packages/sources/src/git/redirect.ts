const SERVICE = '/info/refs?service=git-upload-pack';

/** What a redirect means for us: the address to go on with, or why not. */
export type Redirect = { address: string } | { refused: string };

/**
 * Judges one redirect of the first request. Credentials stay with the host they were meant for, and nothing goes from https back
 * to http. The target must keep git's path, as git itself demands.
 */
export function judgeRedirect(address: string, location: string, authenticated: boolean): Redirect {
  const from = new URL(address);
  const to = URL.parse(location, address.replace(/\/*$/, '') + SERVICE);
  if (to === null || (to.protocol !== 'http:' && to.protocol !== 'https:'))
    return { refused: 'it leads to something other than http or https' };
  if (to.username !== '' || to.password !== '') return { refused: 'its target holds credentials' };
  if (from.protocol === 'https:' && to.protocol === 'http:')
    return { refused: `it leads from https to http (host '${to.host}')` };
  if (authenticated && !sameHost(from, to)) {
    return { refused: `credentials are not sent to another host ('${to.host}'): set spec.url to the new address` };
  }
  if (!to.href.endsWith(SERVICE)) return { refused: `its target is not a Git repository (host '${to.host}')` };
  return { address: to.href.slice(0, -SERVICE.length) };
}

/** Same host and port; or the same host gone from plain http to https, both at their usual ports. */
function sameHost(from: URL, to: URL): boolean {
  if (from.host === to.host && from.protocol === to.protocol) return true;
  return from.hostname === to.hostname && from.protocol === 'http:' && from.port === '' && to.port === '';
}

/** The target of the last redirect in what `GIT_TRACE_CURL` printed. */
export function locationIn(trace: string): string | undefined {
  return [...trace.matchAll(/<= Recv header: location: *(\S+)/gi)].at(-1)?.[1];
}
