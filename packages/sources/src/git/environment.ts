import type { GitAuth, GitLimits, GitProxy } from '../git-sources.ts';

/** Where git is looked for when the caller hands over no PATH. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

type Setting = readonly [name: string, value: string];

/**
 * Settings of every git process. Only http, https and ssh, no hooks, no background upkeep, no credential store, every object checked on
 * arrival. Redirects are followed by our own code (see redirect.ts), because git would send an extra header to the next host too.
 */
const SETTINGS: readonly Setting[] = [
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['protocol.ssh.allow', 'always'],
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '30'],
  ['http.maxRequests', '2'],
  ['credential.helper', ''],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.askPass', ''],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['transfer.fsckObjects', 'true'],
  // A pack arrives whole or not at all; loose objects would arrive one by one.
  ['transfer.unpackLimit', '1'],
  // Larger files pass through without being held in memory; what git does hold is bounded by GIT_ALLOC_LIMIT.
  ['core.bigFileThreshold', '16m'],
  ['core.deltaBaseCacheLimit', '32m'],
  ['pack.threads', '1'],
  // Sloppy author lines written by old tools: harmless here, and they cannot be mended by the user.
  ['fetch.fsck.badTimezone', 'ignore'],
  ['fetch.fsck.missingEmail', 'ignore'],
  ['fetch.fsck.missingNameBeforeEmail', 'ignore'],
  ['fetch.fsck.missingSpaceBeforeDate', 'ignore'],
  ['fetch.fsck.missingSpaceBeforeEmail', 'ignore'],
  ['fetch.fsck.zeroPaddedDate', 'ignore'],
  ['fetch.fsck.zeroPaddedFilemode', 'ignore'],
];

/** The header that carries the credentials, or undefined. A bearer token wins over a password, as with Flux. */
export function authorization(auth: GitAuth): string | undefined {
  if (auth.bearerToken) return `Bearer ${auth.bearerToken}`;
  if (!auth.username && !auth.password) return undefined;
  return `Basic ${Buffer.from(`${auth.username ?? ''}:${auth.password ?? ''}`).toString('base64')}`;
}

/** What must never be seen in a message. Longest first, so that no part of a secret is left standing. */
export function secretsOf(auth: GitAuth, proxy: GitProxy | undefined): string[] {
  const header = authorization(auth);
  // The user of AWS holds a session's token.
  const session =
    auth.username?.includes('%') === true ? auth.username.slice(auth.username.indexOf('%') + 1) : undefined;
  const sent = header?.slice(header.indexOf(' ') + 1);
  const secrets = [auth.password, auth.bearerToken, session, header, sent, auth.ssh?.password];
  if (proxy?.password) secrets.push(proxy.password, encodeURIComponent(proxy.password));
  return secrets.flatMap((secret) => (secret ? [secret] : [])).sort((a, b) => b.length - a.length);
}

function proxyUrl({ address, username, password }: GitProxy): string {
  const url = new URL(address);
  const user = username === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password ?? '')}@`;
  // The name is looked up by the proxy, which is often the only one that can.
  return `${url.protocol === 'socks5:' ? 'socks5h:' : url.protocol}//${user}${url.host}`;
}

/** Variables of proxies that are not to count beside one that is given. */
export const NO_OTHER_PROXY: Readonly<Record<string, string>> = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
    [name, ''],
    [name.toUpperCase(), ''],
  ]),
);

/** Settings for one exchange with a remote. They go through the environment: an argument could be read by every user of the machine. */
export function remoteSettings(
  { auth, proxy }: { auth: GitAuth; proxy?: GitProxy },
  caFile: string | undefined,
  emptyDir: string,
): Setting[] {
  const settings: Setting[] = [];
  if (proxy !== undefined) settings.push(['http.proxy', proxyUrl(proxy)], ['http.proxyAuthMethod', 'basic']);
  const header = authorization(auth);
  if (header !== undefined) settings.push(['http.extraHeader', `Authorization: ${header}`]);
  if (caFile !== undefined) settings.push(['http.sslCAInfo', caFile], ['http.sslCAPath', emptyDir]);
  return settings;
}

export interface EnvironmentOptions {
  /** All but git's own variables is taken over. */
  inherited: Readonly<Record<string, string>>;
  limits: GitLimits;
}

/** The whole environment of a git process. */
export function gitEnvironment(
  gitDir: string,
  { inherited, limits }: EnvironmentOptions,
  extra: readonly Setting[] = [],
): Record<string, string> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const [name, value] of Object.entries(inherited)) {
    if (!name.startsWith('GIT_')) env[name] = value;
  }
  Object.assign(env, {
    HOME: gitDir,
    LC_ALL: 'C',
    GIT_DIR: gitDir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh',
    GIT_ALLOC_LIMIT: String(limits.objectBytes),
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
  });
  const settings = [...SETTINGS, ...extra];
  env['GIT_CONFIG_COUNT'] = String(settings.length);
  for (const [index, [name, value]] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = name;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return env;
}
