/** How a registry wants its visitors to say who they are (RFC 9110, section 11.6.1; the token specification of distribution). */
export type Challenge = { scheme: 'basic' } | { scheme: 'bearer'; realm: string; service: string | null };

const PARAMETER = /([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/gi;
const LONGEST = 4_096;

/** What a header `WWW-Authenticate` asks for; null when it is nothing that is known. */
export function challengeOf(header: string | undefined): Challenge | null {
  if (header === undefined || header.length > LONGEST) return null;
  const bearer = /(?:^|,\s*)bearer\s+(.*)/is.exec(header)?.[1];
  if (bearer === undefined) return /(?:^|,\s*)basic\b/i.test(header) ? { scheme: 'basic' } : null;
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain] of bearer.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  const realm = parameters.get('realm');
  return realm === undefined ? null : { scheme: 'bearer', realm, service: parameters.get('service') ?? null };
}
