import { plainPath } from '../compose/plain-path.ts';
import type { Content, GitRequest } from '../git-sources.ts';
import type { Wanted } from '../git/reference.ts';

/** What of a repository is wanted. */
export type Part = Pick<Content, 'ignore' | 'sparse'>;

/**
 * Whether to fetch a commit without its files, and then those that are wanted: where sparse folders or the ignore rules leave out much, and where a whole
 * history is needed to find one commit in it. A submodule's pin needs all of it.
 */
export function isPartial({ only, submodules }: Pick<GitRequest, 'only' | 'submodules'>, wanted: Wanted): boolean {
  if (only === undefined || submodules === true) return false;
  return (
    isSparse(only.sparse ?? []) || leavesOutAll(only.ignore ?? '') || (wanted.kind === 'commit' && wanted.ref !== '')
  );
}

function isSparse(folders: readonly string[]): boolean {
  return folders.length > 0 && folders.every((folder) => plainPath(folder, 'spec.sparseCheckout') !== '');
}

/** Rules that leave out everything, and take back what is wanted: `/*` and then `!/deploy`. Others leave out a little, as a rule. */
function leavesOutAll(ignore: string): boolean {
  return ignore.split('\n').some((line) => /^\/?(\*\*\/)?\*{1,2}\/?\s*$/.test(line.trimStart()));
}
