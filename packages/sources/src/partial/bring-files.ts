import { onlyFolders } from '../compose/sparse.ts';
import type { Mirror } from '../git/mirror.ts';
import type { GitLimits } from '../git-sources.ts';
import { Budget, checkDepth } from '../limits.ts';
import { GitTree } from '../tree/git-tree.ts';
import type { Part } from './part.ts';

/** Objects asked for at once. */
const BATCH = 1000;

export interface BringOptions {
  limits: GitLimits;
  /** Gets objects from the remote, all in one exchange. */
  fetch: (ids: readonly string[]) => Promise<void>;
}

/** Brings the files of a tree that are wanted and not here: those that hold ignore rules first, then what the rules let through. */
export async function bringFiles(mirror: Mirror, tree: string, part: Part, options: BringOptions): Promise<void> {
  const { sparse = [], ignore } = part;
  const { limits } = options;
  const root = sparse.length === 0 ? tree : await onlyFolders(mirror, tree, sparse);
  await bring(mirror, await mirror.ignoreFiles.ids(root), options);
  const rules = await mirror.ignoreFiles.rules(root, ignore);
  await bring(mirror, await filesOf(new GitTree(mirror.objects, root, rules), limits), options);
}

async function bring(mirror: Mirror, ids: readonly string[], { fetch }: BringOptions): Promise<void> {
  const missing: string[] = [];
  for (let at = 0; at < ids.length; at += BATCH) {
    const batch = ids.slice(at, at + BATCH);
    const here = await Promise.all(batch.map((id) => mirror.objects.has(id)));
    missing.push(...batch.filter((_, index) => here[index] !== true));
  }
  if (missing.length > 0) await fetch(missing);
}

/** The ids of all files and symlinks, each once. */
async function filesOf(tree: GitTree, limits: GitLimits): Promise<string[]> {
  const ids = new Set<string>();
  const budget = new Budget(limits);
  const visit = async (dir: string, id: string, depth: number): Promise<void> => {
    checkDepth(dir, depth, limits);
    for (const entry of await tree.readable(dir, id)) {
      budget.spend();
      if (entry.type === 'directory')
        await visit(dir === '' ? entry.name : `${dir}/${entry.name}`, entry.id, depth + 1);
      else if (entry.type !== 'commit') ids.add(entry.id);
    }
  };
  await visit('', tree.root, 0);
  return [...ids];
}
