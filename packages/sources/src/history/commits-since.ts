import type { ObjectStore } from '../git/object-store.ts';
import { readCommitFacts, type CommitFacts } from './commit-facts.ts';

type Commits = Pick<ObjectStore, 'raw'>;
/** A commit with its id. */
export type Work = CommitFacts & { id: string };

/**
 * The commits of a range, the head first, and whether it goes back: nothing of it is new, or something that was there before is in it no more. Or why
 * they cannot be told: one of them is not here, does not say whose it is, or there are too many, of those of what stands at `path` where that is told.
 */
export type Range =
  | { commits: readonly Work[]; isBack: boolean }
  | { lacks: string; path?: string }
  | { nameless: string }
  | { tooMany: true; path?: string };

/** Commits whose authors are told. */
export const MOST_COMMITS = 1_000;
/** Commits that are looked at of what was there before. */
const MOST_BEFORE = 20_000;
/** Commits that are read at a time: a hostile one may have a megabyte. */
const AT_A_TIME = 64;

/**
 * Every commit that is in the history of `head` and not in that of `since`. Where that of `since` is not here as a whole it may be too many commits,
 * never too few: each path from the head is followed until it comes to what `since` has.
 */
export async function commitsSince(objects: Commits, head: string, since: string | null): Promise<Range> {
  const before = since === null ? new Set<string>() : await historyOf(objects, since);
  const seen = new Set([head]);
  const commits: Work[] = [];
  // What is rolled back to was there before; its own authors are told all the same.
  const isBack = before.has(head);
  let level = [head];
  while (level.length > 0) {
    const next: string[] = [];
    for await (const [id, facts] of readAll(objects, level)) {
      if (!('tree' in facts)) return facts;
      commits.push({ ...facts, id });
      const fresh = isBack ? [] : facts.parents.filter((parent) => !before.has(parent));
      next.push(...unseen(fresh, seen, MOST_COMMITS + 1));
      if (seen.size > MOST_COMMITS) return { tooMany: true };
    }
    level = next;
  }
  return { commits, isBack };
}

/**
 * Every commit by which `head` and `since` differ: that are in the history of one of them alone. Who goes back behind somebody's work changes as much as who
 * brought it.
 */
export async function commitsBetween(objects: Commits, head: string, since: string | null): Promise<Range> {
  const ahead = await commitsSince(objects, head, since);
  if (since === null || !('commits' in ahead)) return ahead;
  const isAhead = ahead.commits.some(({ id, parents }) => id === since || parents.includes(since));
  if (isAhead && !ahead.isBack) return ahead;
  const behind = head === since ? { commits: [] } : await commitsSince(objects, since, head);
  if (!('commits' in behind)) return behind;
  const commits = [...ahead.commits, ...behind.commits];
  return commits.length > MOST_COMMITS ? { tooMany: true } : { commits, isBack: true };
}

/** A commit with all before it, as far as that is here. */
async function historyOf(objects: Commits, commit: string): Promise<Set<string>> {
  const found = new Set([commit]);
  let level = [commit];
  while (level.length > 0) {
    const next: string[] = [];
    for await (const [, facts] of readAll(objects, level)) {
      next.push(...unseen('tree' in facts ? facts.parents : [], found, MOST_BEFORE));
    }
    level = next;
  }
  return found;
}

/** Those that were not seen yet, and are now; no more than `most` in all. */
function unseen(ids: readonly string[], seen: Set<string>, most: number): string[] {
  return ids.filter((id) => {
    if (seen.has(id) || seen.size >= most) return false;
    seen.add(id);
    return true;
  });
}

type Unread = { lacks: string } | { nameless: string };

/** Or what is missing: it is not here as a commit of a sound size, or does not say whose it is. */
export async function factsOf(objects: Commits, id: string): Promise<CommitFacts | Unread> {
  const raw = await objects.raw(id);
  const facts = raw?.type === 'commit' ? readCommitFacts(raw.body) : undefined;
  if (facts === undefined) return { lacks: id };
  return facts ?? { nameless: id };
}

type Read = readonly [id: string, facts: CommitFacts | Unread];

async function* readAll(objects: Commits, ids: readonly string[]): AsyncGenerator<Read> {
  for (let at = 0; at < ids.length; at += AT_A_TIME) {
    const read = ids.slice(at, at + AT_A_TIME).map(async (id): Promise<Read> => [id, await factsOf(objects, id)]);
    yield* await Promise.all(read);
  }
}
