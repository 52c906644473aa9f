import { buildError, shown } from '../errors.ts';
import type { Reference } from '../references.ts';
import { parseRepository, type Repository } from './repository.ts';

/** What an entry that is no path may name. */
export interface RemoteEntry {
  /** The address of a file: the whole entry, over http or https. */
  file: string | null;
  repository: Repository | null;
}

/** Forms that are not paths, whether or not anything can be fetched by them. */
const REMOTE = [
  /^[a-z][a-z\d+.-]*:\/\//i,
  /^git::/i,
  /^gh:/i,
  /^[\w.+-]+@[\w.-]+[:/]/,
  /^github\.com[:/]/i,
  /[?&](?:ref|version|timeout|submodules)=/,
];

/** @returns null for a path. @throws PlumbError `build-failed` for an absolute path */
export function remoteEntry({ entry, value }: Pick<Reference, 'entry' | 'value'>, path: string): RemoteEntry | null {
  const text = value.trim();
  if (text.startsWith('/'))
    throw buildError(path, `${entry} ${shown(text)} is an absolute path: write it relative to this file`);
  if (!REMOTE.some((pattern) => pattern.test(text))) return null;
  return { file: /^https?:\/\//i.test(text) && URL.canParse(text) ? text : null, repository: parseRepository(text) };
}

/** Entries that are read like paths when such a file is there: `icons@2x/a.yaml`. */
export function mayBePath(value: string): boolean {
  return !/^(?:git::|[a-z][a-z\d+.-]*:\/\/)/i.test(value.trim());
}

/** No server gives a file at such an address: it need not be asked for one. */
export function isClearlyRepository(file: string): boolean {
  return /\.git(?:[/?]|$)|\/_git\//.test(file);
}

const OWN_SOURCE = 'give it a GitRepository of its own';

/** Why a repository is not fetched; null when it may be. */
export function repositoryFlaw({ scheme, url }: Repository): string | null {
  if (scheme === 'ssh')
    return `is a base over ssh, which needs a key, and no credentials are sent for a remote base: name it by https, or ${OWN_SOURCE}`;
  if (scheme === 'file') return 'is a repository on a disk: name it by https';
  return hasPassword(url) ? credentialsFlaw : null;
}

export const credentialsFlaw = `holds credentials, and none are sent for a remote base: ${OWN_SOURCE}`;

/** A user alone is no secret: addresses of Azure DevOps have one. */
function hasPassword(url: string): boolean {
  const { password = '' } = URL.parse(url) ?? {};
  return password !== '';
}

/** The address without a user, as it is asked for. */
export function anonymous(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username === '') return url;
  parsed.username = '';
  return parsed.href;
}

export function hasCredentials(file: string): boolean {
  const { username = '', password = '' } = URL.parse(file) ?? {};
  return username !== '' || password !== '';
}
