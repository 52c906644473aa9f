import { parseDuration } from '@plumb/api';

/** A repository as a kustomization names one, with the folder of it that is meant (kustomize, "remote targets"). */
export interface Repository {
  scheme: 'http' | 'https' | 'ssh' | 'file';
  /** What git is given. */
  url: string;
  /** The folder; '' is the repository's root. */
  path: string;
  /** '' is the default branch. */
  ref: string;
  submodules: boolean;
  /** Milliseconds, where the entry sets them. */
  timeout: number | null;
}

const SCHEMES = ['ssh', 'https', 'http', 'file'] as const;

/**
 * Reads an entry as kustomize does: scheme or `user@host:`, then the repository's path, up to `_git/<name>`, `//`, or `.git`, or
 * else two names long; then the folder. `?ref=` or `?version=`, `?timeout=`, `?submodules=` may follow.
 * @returns null for what is no address of a repository
 */
export function parseRepository(entry: string): Repository | null {
  if (entry.startsWith('/')) return null;
  const mark = entry.indexOf('?');
  const address = mark < 0 ? entry : entry.slice(0, mark);
  const host = parseHost(address.replace(/^git::/i, ''));
  if (host === null) return null;
  const parts = splitPath(host.rest, host.scheme);
  if (parts === null || parts.repository === '') return null;
  const query = parseQuery(mark < 0 ? '' : entry.slice(mark + 1));
  return { scheme: host.scheme, url: host.prefix + parts.repository, path: parts.folder, ...query };
}

interface Host {
  scheme: Repository['scheme'];
  /** All before the repository's path. */
  prefix: string;
  rest: string;
}

function parseHost(text: string): Host | null {
  const scheme = SCHEMES.find((name) => text.toLowerCase().startsWith(`${name}://`));
  const afterScheme = scheme === undefined ? text : text.slice(scheme.length + 3);
  if (scheme === 'file') return { scheme, prefix: 'file://', rest: afterScheme };
  const user = /^[a-z][a-z\d-]*@/i.exec(afterScheme)?.[0] ?? '';
  const named = afterScheme.slice(user.length);
  const isGithub = /^github\.com[/:]/i.test(named);
  const isShort = scheme === undefined && (user !== '' || isGithub);
  if (scheme === undefined && !isShort) return null;
  const end = hostEnd(named, isShort);
  if (end < 0) return null;
  const rest = named.slice(end + 1);
  if (isGithub) {
    if (scheme === 'ssh' || user !== '') return { scheme: 'ssh', prefix: `${user}github.com:`, rest };
    return { scheme: 'https', prefix: 'https://github.com/', rest };
  }
  const host = named.slice(0, end + 1);
  if (scheme === undefined) return { scheme: 'ssh', prefix: user + host, rest };
  return { scheme, prefix: `${scheme}://${user}${host}`, rest };
}

/** Where the host ends: at the first slash, and in the short form of ssh at a colon before it. */
function hostEnd(text: string, isShort: boolean): number {
  const slash = text.indexOf('/');
  const colon = text.indexOf(':');
  return isShort && (slash < 0 || (colon > 0 && colon < slash)) ? colon : slash;
}

function splitPath(text: string, scheme: Repository['scheme']): { repository: string; folder: string } | null {
  const azure = text.indexOf('_git/');
  if (azure >= 0) {
    const [name = '', ...folder] = text.slice(azure + 5).split('/');
    return parted(text.slice(0, azure + 5) + name, folder.join('/'));
  }
  const double = text.indexOf('//');
  if (double >= 0) return parted(text.slice(0, double), text.slice(double + 2));
  const suffix = text.indexOf('.git');
  if (suffix >= 0) return parted(text.slice(0, suffix + 4), text.slice(suffix + 4));
  if (scheme === 'file') return parted(text, '');
  const names = text.split('/');
  return names.length < 2 ? null : parted(names.slice(0, 2).join('/'), names.slice(2).join('/'));
}

function parted(repository: string, folder: string): { repository: string; folder: string } {
  return { repository, folder: folder.replace(/^\//, '') };
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** What cannot be read counts as not said, as in kustomize. */
function parseQuery(query: string): Pick<Repository, 'ref' | 'submodules' | 'timeout'> {
  if (/;|%(?![\da-f]{2})/i.test(query)) return { ref: '', submodules: true, timeout: null };
  const values = new URLSearchParams(query);
  const submodules = values.get('submodules') ?? '';
  return {
    ref: values.get('ref') || (values.get('version') ?? ''),
    submodules: TRUE.includes(submodules) || !FALSE.includes(submodules),
    timeout: timeoutOf(values.get('timeout') ?? ''),
  };
}

/** Seconds, or a duration. */
function timeoutOf(text: string): number | null {
  try {
    const ms = /^[+-]?\d+$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
    return ms > 0 ? ms : null;
  } catch {
    return null;
  }
}
