import { PlumbError } from '@plumb/api';
import type { GitInclude } from '../git-sources.ts';
import type { Mirror } from '../git/mirror.ts';
import type { EntryLimits } from '../limits.ts';
import type { GitTree } from '../tree/git-tree.ts';
import { entryAt, plant } from './edit-tree.ts';
import { asPublished } from './filter-tree.ts';
import { plainPath } from './plain-path.ts';

/** An artifact of another source, and the mirror its objects are in. */
export interface Offer {
  mirror: Mirror;
  tree: GitTree;
}

export interface IncludeOptions {
  /** Finds what another source offers; null when it does not any more. */
  borrow: (include: GitInclude) => Promise<Offer | null>;
  limits: EntryLimits;
  signal: AbortSignal;
}

/**
 * The tree with content of other artifacts in it, as they were published. Objects are copied, so that it outlives the others.
 * @throws PlumbError `include-failed`
 */
export async function withIncludes(
  mirror: Mirror,
  root: string,
  includes: readonly GitInclude[],
  options: IncludeOptions,
): Promise<string> {
  let tree = root;
  for (const include of includes) {
    const from = plainPath(include.fromPath, 'spec.include[].fromPath');
    const to = plainPath(include.toPath, 'spec.include[].toPath');
    if (to === '' || (await entryAt(mirror, tree, to)) !== null || (await blocked(mirror, tree, to)))
      throw failed(include, `'${to === '' ? '.' : to}' is in the repository already, choose another toPath`);
    const offer = await options.borrow(include);
    if (offer === null) throw failed(include, 'its artifact is no longer there');
    const id = await asPublished(offer.mirror, offer.tree, from, options.limits);
    if (id === null) throw failed(include, `there is no folder '${from}' in it`);
    await mirror.copyTree(offer.mirror, id, options.signal);
    tree = await plant(mirror, tree, new Map([[to, id]]));
  }
  return tree;
}

/** A file stands where a folder on the way would have to be. */
async function blocked(mirror: Mirror, tree: string, path: string): Promise<boolean> {
  const names = path.split('/');
  for (let length = 1; length < names.length; length += 1) {
    const entry = await entryAt(mirror, tree, names.slice(0, length).join('/'));
    if (entry !== null && entry.type !== 'directory') return true;
  }
  return false;
}

function failed({ source, fromPath, toPath }: GitInclude, why: string): PlumbError {
  const words = `failed to copy '${source.namespace}/${source.name}' include from ${fromPath || '.'} to ${toPath}: ${why}`;
  return new PlumbError('include-failed', words, { fault: 'user', policy: 'retry' });
}
