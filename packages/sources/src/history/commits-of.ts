import type { ObjectStore } from '../git/object-store.ts';
import { parseTree, type GitTreeObject } from '../git/objects.ts';
import { readCommitFacts, type CommitFacts } from './commit-facts.ts';
import { MOST_COMMITS, type Range, type Work } from './commits-since.ts';

type Objects = Pick<ObjectStore, 'raw'>;
type Failed = Exclude<Range, { commits: readonly Work[] }>;
type Told = { commits: readonly Work[] } | Failed;

/** Trees that are kept while a history is gone through: commits that follow each other share most. */
const KEPT = 2_000;
/** Commits that are looked at for all paths together. */
const MOST_STEPS = 50_000;

/**
 * Every commit that had a hand in what stands at these paths in a revision: each is followed back to where nothing was there, through merges to the side
 * that it came from as it is. Many thousand commits may have nothing to do with it, and are not told.
 */
export async function commitsOf(objects: Objects, head: string, paths: readonly string[]): Promise<Told> {
  const history = new Looked(objects);
  const found = new Map<string, Work>();
  for (const path of paths) {
    const failed = await follow(history, { head, path, found });
    if (failed !== null) return failed;
  }
  return { commits: [...found.values()] };
}

async function follow(
  history: Looked,
  { head, path, found }: { head: string; path: string; found: Map<string, Work> },
): Promise<Failed | null> {
  const seen = new Set([head]);
  const open = [head];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const step = await history.step(id, path);
    if (!('next' in step)) return 'lacks' in step ? { ...step, path } : step;
    if (step.touched !== null) found.set(id, step.touched);
    if (found.size > MOST_COMMITS) return { tooMany: true, path };
    const next = step.next.filter((parent) => !seen.has(parent));
    for (const parent of next) seen.add(parent);
    open.push(...next);
  }
  return null;
}

/** Commits and folders as far as they were read. */
class Looked {
  readonly #objects: Objects;
  readonly #commits = new Map<string, CommitFacts | Failed>();
  readonly #trees = new Map<string, GitTreeObject | null>();
  #steps = 0;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** Where to look on behind a commit, and the commit where it changed what is at the path. */
  async step(id: string, path: string): Promise<{ next: readonly string[]; touched: Work | null } | Failed> {
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) return { tooMany: true, path };
    const commit = await this.#commit(id);
    if (!('tree' in commit)) return commit;
    const own = await this.#at(commit.tree, path);
    if (own === undefined) return { lacks: id };
    if (own === null) return { next: [], touched: null };
    const before: { parent: string; at: string | null }[] = [];
    for (const parent of commit.parents) {
      const facts = await this.#commit(parent);
      if (!('tree' in facts)) return facts;
      const at = await this.#at(facts.tree, path);
      if (at === undefined) return { lacks: parent };
      before.push({ parent, at });
    }
    const same = before.find(({ at }) => at === own);
    if (same !== undefined) return { next: [same.parent], touched: null };
    return { next: before.filter(({ at }) => at !== null).map(({ parent }) => parent), touched: { ...commit, id } };
  }

  async #commit(id: string): Promise<CommitFacts | Failed> {
    const known = this.#commits.get(id);
    if (known !== undefined) return known;
    const raw = await this.#objects.raw(id);
    const facts = raw?.type === 'commit' ? readCommitFacts(raw.body) : undefined;
    // What it says is of no matter here, and there may be many.
    const found = facts === undefined ? { lacks: id } : facts === null ? { nameless: id } : { ...facts, message: '' };
    this.#commits.set(id, found);
    return found;
  }

  /** The id at a path; null where nothing is there, undefined where a folder on the way is not here. */
  async #at(root: string, path: string): Promise<string | null | undefined> {
    let at: { id: string; type: string } = { id: root, type: 'directory' };
    for (const name of path === '' ? [] : path.split('/')) {
      if (at.type !== 'directory') return null;
      const tree = await this.#tree(at.id);
      if (tree === null) return undefined;
      const entry = tree.byName.get(name);
      if (entry === undefined) return null;
      at = entry;
    }
    return at.id;
  }

  async #tree(id: string): Promise<GitTreeObject | null> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const raw = await this.#objects.raw(id);
    const tree = raw?.type === 'tree' ? parseTree(raw.id, raw.body) : null;
    if (this.#trees.size >= KEPT) this.#trees.clear();
    this.#trees.set(id, tree);
    return tree;
  }
}
