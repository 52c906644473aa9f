import type { Entry } from '../artifact.ts';
import type { ObjectStore } from '../git/object-store.ts';
import { parseTree, type GitTreeObject } from '../git/objects.ts';
import type { CommitFacts } from './commit-facts.ts';
import { factsOf, MOST_COMMITS, type Range, type Work } from './commits-since.ts';
import { pathTree, type PathTree } from './path-tree.ts';

type Objects = Pick<ObjectStore, 'raw'>;
type Failed = Exclude<Range, { commits: readonly Work[] }>;
type Told = { commits: readonly Work[] } | Failed;

/** Trees that are kept while a history is gone through: commits that follow each other share most. */
const KEPT = 2_000;
/** How often commits are looked at. */
const MOST_STEPS = 50_000;

/** A commit to be looked at, and for which paths: something is there at each. */
interface Step {
  id: string;
  paths: readonly string[];
}

/**
 * Every commit that had a hand in what stands at these paths in a revision: each is followed back to where nothing was there, through merges to the side
 * that it came from as it is. Many thousand commits may have nothing to do with it, and are not told.
 */
export async function commitsOf(objects: Objects, head: string, paths: readonly string[]): Promise<Told> {
  const history = new Looked(objects);
  const found = new Map<string, Work>();
  const seen = new Seen();
  const first = await history.first(head, paths);
  if (!('paths' in first)) return first;
  const open = seen.fresh(first);
  let steps = 0;
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    steps += 1;
    const told = await history.behind(step);
    if (!('next' in told)) return told;
    const [path] = told.changed;
    if (path !== undefined) found.set(step.id, told.work);
    if (found.size > MOST_COMMITS || steps > MOST_STEPS) return { tooMany: true, path: path ?? step.paths[0] ?? '' };
    open.push(...told.next.flatMap((next) => seen.fresh(next)));
  }
  return { commits: [...found.values()] };
}

/** Which paths a commit was looked at for. Along commits that change none of them, this is one list for all. */
class Seen {
  readonly #lists = new Map<string, (readonly string[])[]>();

  /** What of a step is new. */
  fresh({ id, paths }: Step): Step[] {
    const lists = this.#lists.get(id) ?? [];
    if (paths.length === 0 || lists.includes(paths)) return [];
    const seen = new Set(lists.flat());
    const fresh = seen.size === 0 ? paths : paths.filter((path) => !seen.has(path));
    if (fresh.length === 0) return [];
    this.#lists.set(id, [...lists, fresh]);
    return [{ id, paths: fresh }];
  }
}

interface Behind {
  work: Work;
  /** The paths at which it is otherwise than each of its parents. */
  changed: readonly string[];
  next: readonly Step[];
}

/** Paths at which a commit is otherwise than another one, and whether something is there in that one. */
type Others = Map<string, boolean>;
type Place = Pick<Entry, 'id' | 'type'> | null;

/** Commits and folders as far as they were read. */
class Looked {
  readonly #objects: Objects;
  readonly #commits = new Map<string, CommitFacts | Failed>();
  readonly #trees = new Map<string, GitTreeObject | null>();
  readonly #pathTrees = new WeakMap<readonly string[], PathTree>();

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** Where to begin: with the paths at which something is there. */
  async first(id: string, paths: readonly string[]): Promise<Step | Failed> {
    const commit = await this.#commit(id);
    if (!('tree' in commit)) return failedAt(commit, paths);
    const others: Others = new Map();
    if (!(await this.#compare([null, folder(commit)], pathTree(paths), others))) return failedAt({ lacks: id }, paths);
    return { id, paths: paths.filter((path) => others.get(path) === true) };
  }

  /** Where to look on behind a commit, and for what. */
  async behind({ id, paths }: Step): Promise<Behind | Failed> {
    const commit = await this.#commit(id);
    if (!('tree' in commit)) return failedAt(commit, paths);
    const parents: { id: string; others: Others }[] = [];
    for (const parent of commit.parents) {
      const facts = await this.#commit(parent);
      if (!('tree' in facts)) return failedAt(facts, paths);
      const others: Others = new Map();
      const isWhole = await this.#compare([folder(commit), folder(facts)], this.#pathTree(paths), others);
      if (!isWhole) return failedAt({ lacks: parent }, paths);
      parents.push({ id: parent, others });
    }
    return { work: { ...commit, id }, ...follow(paths, parents) };
  }

  /** Notes the paths at which the second of two places is otherwise than the first. @returns whether all of it could be read */
  async #compare([own, its]: [Place, Place], paths: PathTree, others: Others): Promise<boolean> {
    if (own?.id === its?.id) return true;
    if (paths.path !== null) others.set(paths.path, its !== null);
    if (paths.below.size === 0) return true;
    const [here, there] = [await this.#entries(own), await this.#entries(its)];
    if (here === undefined || there === undefined) return false;
    for (const [name, below] of paths.below) {
      const isWhole = await this.#compare([here?.get(name) ?? null, there?.get(name) ?? null], below, others);
      if (!isWhole) return false;
    }
    return true;
  }

  /** Of a folder; null for what is none, undefined for one that is not here. */
  async #entries(place: Place): Promise<ReadonlyMap<string, Entry> | null | undefined> {
    if (place?.type !== 'directory') return null;
    return (await this.#tree(place.id))?.byName;
  }

  async #commit(id: string): Promise<CommitFacts | Failed> {
    const known = this.#commits.get(id);
    if (known !== undefined) return known;
    const facts = await factsOf(this.#objects, id);
    // What it says is of no matter here, and there may be many.
    const found = 'tree' in facts ? { ...facts, message: '' } : facts;
    this.#commits.set(id, found);
    return found;
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

  #pathTree(paths: readonly string[]): PathTree {
    const tree = this.#pathTrees.get(paths) ?? pathTree(paths);
    this.#pathTrees.set(paths, tree);
    return tree;
  }
}

function folder({ tree }: CommitFacts): Place {
  return { id: tree, type: 'directory' };
}

function failedAt(failed: Failed, [path = '']: readonly string[]): Failed {
  return 'lacks' in failed ? { ...failed, path } : failed;
}

/** Each path is as in one of the parents, and from there; or all of them that have something there may have a part in it. */
function follow(
  paths: readonly string[],
  parents: readonly { id: string; others: Others }[],
): Pick<Behind, 'changed' | 'next'> {
  const [first] = parents;
  if (first?.others.size === 0) return { changed: [], next: [{ id: first.id, paths }] };
  const changed = paths.filter((path) => parents.every(({ others }) => others.has(path)));
  const isChanged = new Set(changed);
  const followed = new Set<string>();
  const next = parents.map(({ id, others }): Step => {
    const own = paths.filter((path) => {
      if (isChanged.has(path)) return others.get(path) === true;
      return !others.has(path) && !followed.has(path);
    });
    for (const path of own) followed.add(path);
    return { id, paths: own.length === paths.length ? paths : own };
  });
  return { changed, next };
}
