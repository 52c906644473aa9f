import { oneLine, userError } from '@plumb/api';
import type { Entry, Tree } from '../artifact.ts';
import type { Objects } from '../git/object-store.ts';
import { Budget, checkDepth } from '../limits.ts';
import type { IgnoreRules } from './ignore-rules.ts';

/** Default most bytes of one file read into memory. */
const DEFAULT_LIMIT = 32 * 1024 * 1024;
const MAX_DEPTH = 256;
/** Entries looked at to see whether anything below an excluded folder is taken back. */
const MAX_LOOKED_AT = 250_000;

/** What a tree leaves out. */
type Exclusions = Pick<IgnoreRules, 'excludes' | 'mayTakeBackBelow'>;

/** Everything is shown. */
export const NO_EXCLUSIONS: Exclusions = { excludes: () => false, mayTakeBackBelow: () => false };

interface Search {
  depth: number;
  budget: Budget;
}

/** A tree behind the Tree interface: read on demand, from a mirror as a rule, with the ignore rules applied. */
export class GitTree implements Tree {
  readonly #store: Objects;
  readonly root: string;
  readonly #rules: Exclusions;

  constructor(store: Objects, root: string, rules: Exclusions) {
    this.#store = store;
    this.root = root;
    this.#rules = rules;
  }

  async id(dir: string): Promise<string | null> {
    return this.#directory(dir);
  }

  /** @throws PlumbError `invalid-path` when a name in it is not UTF-8, `storage-failed` when the mirror is damaged. */
  async entries(dir: string): Promise<Entry[] | null> {
    const id = await this.#directory(dir);
    if (id === null) return null;
    const { odd } = await this.#store.tree(id);
    if (odd.length > 0) {
      throw userError(
        'invalid-path',
        `${odd.length} name(s) in folder '${dir === '' ? '.' : oneLine(dir.slice(0, 100))}' are not UTF-8: rename them`,
      );
    }
    return this.readable(dir, id);
  }

  /** The entries of the folder with this tree id whose names can be read; one odd name elsewhere must not stop the whole repository. */
  async readable(dir: string, id: string): Promise<Entry[]> {
    const { entries } = await this.#store.tree(id);
    const visible = await Promise.all(entries.map((entry) => this.#visible(join(dir, entry.name), entry)));
    return entries.filter((_, index) => visible[index] === true);
  }

  async read(path: string, limit: number = DEFAULT_LIMIT): Promise<Uint8Array | null> {
    const id = await this.#file(path);
    return id === null ? null : this.#store.blob(id, limit, path);
  }

  readAll(paths: readonly string[], limit: number = DEFAULT_LIMIT): Promise<(Uint8Array | null)[]> {
    return Promise.all(paths.map((path) => this.read(path, limit)));
  }

  async #file(path: string): Promise<string | null> {
    const slash = path.lastIndexOf('/');
    const parent = await this.#walk(slash < 0 ? '' : path.slice(0, slash));
    if (parent === null) return null;
    const entry = (await this.#store.tree(parent)).byName.get(path.slice(slash + 1));
    if (entry === undefined || entry.type === 'directory' || entry.type === 'commit') return null;
    return this.#rules.excludes(path, false) ? null : entry.id;
  }

  async #directory(dir: string): Promise<string | null> {
    const id = await this.#walk(dir);
    if (id === null || dir === '') return id;
    return (await this.#visible(dir, { type: 'directory', id })) ? id : null;
  }

  /** The tree id at a path, whatever the ignore rules say of it. */
  async #walk(dir: string): Promise<string | null> {
    let id = this.root;
    if (dir === '') return id;
    for (const name of dir.split('/')) {
      const entry = (await this.#store.tree(id)).byName.get(name);
      if (entry?.type !== 'directory') return null;
      id = entry.id;
    }
    return id;
  }

  /** An excluded folder still shows when a later pattern takes something below it back. */
  #visible(path: string, entry: Pick<Entry, 'type' | 'id'>): Promise<boolean> | boolean {
    if (!this.#rules.excludes(path, entry.type === 'directory')) return true;
    return this.#showsBelow(path, entry, { depth: 0, budget: new Budget({ entries: MAX_LOOKED_AT }) });
  }

  async #showsBelow(path: string, entry: Pick<Entry, 'type' | 'id'>, search: Search): Promise<boolean> {
    const { depth, budget } = search;
    budget.spend();
    const directory = entry.type === 'directory';
    if (!this.#rules.excludes(path, directory)) return true;
    if (!directory || !this.#rules.mayTakeBackBelow(path)) return false;
    checkDepth(path, depth, { depth: MAX_DEPTH });
    for (const child of (await this.#store.tree(entry.id)).entries) {
      if (await this.#showsBelow(join(path, child.name), child, { depth: depth + 1, budget })) return true;
    }
    return false;
  }
}

function join(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`;
}
