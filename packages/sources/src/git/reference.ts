import { userError } from '@plumb/api';
import type { GitRef } from '../git-sources.ts';
import { formatOf } from './object-format.ts';

/** What spec.ref asks for. `ref` is the full name of what must be on the remote; '' is any. */
export type Wanted =
  | { kind: 'commit'; commit: string; ref: string }
  | { kind: 'name' | 'tag' | 'branch'; ref: string }
  /** A name in any of git's short forms. */
  | { kind: 'any'; ref: string }
  | { kind: 'semver'; range: string };

const MAX_LENGTH = 1024;

/** Precedence as in Flux: commit, name, semver, tag, branch; nothing at all is branch master. @throws PlumbError `invalid-spec` */
export function wantedOf(ref: GitRef): Wanted {
  if (ref.commit) {
    if (formatOf(ref.commit) === undefined) {
      throw userError(
        'invalid-spec',
        `spec.ref.commit '${ref.commit.slice(0, 80)}' is not a full commit id of 40 (or 64) lower-case hex digits`,
      );
    }
    return { kind: 'commit', commit: ref.commit, ref: ref.branch ? branchRef(ref.branch) : '' };
  }
  if (ref.name === 'HEAD') return { kind: 'name', ref: 'HEAD' };
  if (ref.name) return { kind: 'name', ref: checkedRef('name', ref.name) };
  if (ref.semver) return { kind: 'semver', range: ref.semver };
  if (ref.tag) return { kind: 'tag', ref: tagRef(ref.tag) };
  return { kind: 'branch', ref: branchRef(ref.branch ? ref.branch : 'master') };
}

/** What `git fetch <url> <ref>` would take: a commit, or a name in any form; '' is HEAD. @throws PlumbError `invalid-spec` */
export function wantedOfAny(ref: string): Wanted {
  if (ref === '' || ref === 'HEAD') return { kind: 'any', ref: 'HEAD' };
  if (formatOf(ref) !== undefined) return { kind: 'commit', commit: ref, ref: '' };
  if (!isName(`refs/${ref}`))
    throw userError('invalid-spec', `ref '${ref.slice(0, 100)}' is not a valid Git reference`);
  return { kind: 'any', ref };
}

export function tagRef(tag: string): string {
  return checkedRef('tag', `refs/tags/${tag}`);
}

function branchRef(branch: string): string {
  return checkedRef('branch', `refs/heads/${branch}`);
}

function checkedRef(field: string, ref: string): string {
  if (isName(ref)) return ref;
  throw userError('invalid-spec', `spec.ref.${field} '${ref.slice(0, 100)}' is not a valid Git reference`);
}

/** Git's own rules for names (git-check-ref-format), so that no value can be an option, a pattern or a refspec. */
function isName(ref: string): boolean {
  return (
    ref.length <= MAX_LENGTH &&
    ref.startsWith('refs/') &&
    !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|^\/|\/\./.test(ref) &&
    !ref.split('/').some((part) => part.endsWith('.lock'))
  );
}

/** `main@sha1:<id>`, `refs/pull/1/head@sha1:<id>` for spec.ref.name, `sha1:<id>` for a commit alone (Flux RFC-0005); sha256 where the repository has such ids. */
export function revisionOf(kind: Wanted['kind'], ref: string, commit: string): string {
  const pin = `${formatOf(commit) ?? 'unknown'}:${commit}`;
  if (ref === '') return pin;
  const name = kind === 'name' ? ref : ref.replace(/^refs\/(heads|tags)\//, '');
  return `${name}@${pin}`;
}
