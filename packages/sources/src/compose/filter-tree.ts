import type { Entry } from '../artifact.ts';
import type { Mirror } from '../git/mirror.ts';
import { Budget, type EntryLimits } from '../limits.ts';
import type { GitTree } from '../tree/git-tree.ts';

/** The folder as its tarball has it: without what is excluded, symlinks and submodules. @returns its id, in the same mirror */
export async function asPublished(
  mirror: Mirror,
  tree: GitTree,
  dir: string,
  limits: EntryLimits,
): Promise<string | null> {
  const id = await tree.id(dir);
  return id === null ? null : filter({ mirror, tree, budget: new Budget(limits) }, dir, id);
}

interface Walk {
  mirror: Mirror;
  tree: GitTree;
  budget: Budget;
}

async function filter(walk: Walk, dir: string, id: string): Promise<string> {
  const kept: Entry[] = [];
  for (const entry of await walk.tree.readable(dir, id)) {
    walk.budget.spend();
    const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
    if (entry.type === 'directory') kept.push({ ...entry, id: await filter(walk, path, entry.id) });
    else if (entry.type === 'file' || entry.type === 'executable') kept.push(entry);
  }
  const whole = await walk.mirror.objects.tree(id);
  const same = whole.odd.length === 0 && sameEntries(kept, whole.entries);
  return same ? id : walk.mirror.writeTree({ entries: kept, odd: [] });
}

function sameEntries(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry.id === b[index]?.id && entry.name === b[index].name);
}
