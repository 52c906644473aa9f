import type { ChangeAuthor } from '@plumb/api';

interface Commit {
  id: string;
  /** Of its files; empty where it names none. */
  tree: string;
  parents: readonly string[];
  /** Its author and its committer. */
  people: readonly ChangeAuthor[];
}

/**
 * Whose work a change is, but for those who only put it together: a commit that changes nothing by itself is nobody's. @param commits all that are new
 */
export function contributorsOf(commits: readonly Commit[]): ChangeAuthor[] {
  const byId = new Map(commits.map((one) => [one.id, one]));
  return commits.filter((one) => !isEmpty(one, byId)).flatMap(({ people }) => people);
}

/**
 * Its files are those of a parent that is new itself and has all of the other parents in it already. A merge that takes the files of one side only throws away
 * what the other one brought, and one with something that was there before may bring back what was mended since: these are somebody's work.
 */
function isEmpty({ tree, parents }: Commit, byId: ReadonlyMap<string, Commit>): boolean {
  return (
    tree !== '' &&
    parents.some((id) => {
      if (byId.get(id)?.tree !== tree) return false;
      const behind = reach(id, byId);
      return parents.every((parent) => behind.has(parent));
    })
  );
}

/** A commit and all that is behind it, up to the first that were there before. */
export function reach(from: string, byId: ReadonlyMap<string, Pick<Commit, 'parents'>>): Set<string> {
  const seen = new Set([from]);
  const left = [from];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    const fresh = (byId.get(id)?.parents ?? []).filter((parent) => !seen.has(parent));
    for (const parent of fresh) seen.add(parent);
    left.push(...fresh);
  }
  return seen;
}
