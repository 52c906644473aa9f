import type { Objects } from '../git/object-store.ts';
import { beyond, Budget, type EntryLimits } from '../limits.ts';
import { Lru } from '../lru.ts';
import { IgnoreRules, type IgnoreText } from './ignore-rules.ts';

const FILE_NAME = '.sourceignore';
const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 256;
const MAX_FILES = 1000;

interface Found {
  dir: string;
  id: string;
}

interface Walk {
  depth: number;
  budget: Budget;
}

const NONE: readonly Found[] = [];

/** Finds the `.sourceignore` files of a tree. What stands below a tree id never changes, so a new commit costs only its changed folders. */
export class IgnoreFiles {
  readonly #store: Objects;
  readonly #limits: EntryLimits;
  readonly #below = new Lru<string, Promise<readonly Found[]>>(65_536);

  /** `limits.entries` bounds how many files and folders are looked through. */
  constructor(store: Objects, limits: EntryLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** The object ids of the files with rules. */
  async ids(root: string): Promise<string[]> {
    const found = await this.#find(root, { depth: 0, budget: new Budget(this.#limits) });
    return [...new Set(found.map(({ id }) => id))];
  }

  /** The rules in force: files from the root down, then spec.ignore. */
  async rules(root: string, specIgnore: string | undefined): Promise<IgnoreRules> {
    const found = await this.#find(root, { depth: 0, budget: new Budget(this.#limits) });
    if (found.length > MAX_FILES)
      throw beyond(`${found.length} ${FILE_NAME} files, more than ${MAX_FILES}; put their rules in fewer files`);
    const texts: IgnoreText[] = await Promise.all(
      found.map(async ({ dir, id }) => ({
        dir,
        text: (await this.#store.blob(id, MAX_BYTES, join(dir, FILE_NAME))).toString('utf8'),
      })),
    );
    if (specIgnore !== undefined) texts.push({ dir: '', text: specIgnore });
    return new IgnoreRules(texts);
  }

  /** The walk is kept, not its result: a tree that names itself many times is then walked once. */
  #find(tree: string, walk: Walk): Promise<readonly Found[]> {
    const known = this.#below.get(tree);
    if (known !== undefined) return known;
    if (walk.depth > MAX_DEPTH) return Promise.resolve(NONE);
    const found = this.#look(tree, walk);
    this.#below.set(tree, found);
    found.catch(() => this.#below.delete(tree));
    return found;
  }

  async #look(tree: string, { depth, budget }: Walk): Promise<readonly Found[]> {
    budget.spend();
    const { entries, byName } = await this.#store.tree(tree);
    const own = byName.get(FILE_NAME);
    const below = await Promise.all(
      entries
        .filter(({ type }) => type === 'directory')
        .map(async ({ name, id }) =>
          (await this.#find(id, { depth: depth + 1, budget })).map((found) => ({
            dir: join(name, found.dir),
            id: found.id,
          })),
        ),
    );
    const here =
      own !== undefined && (own.type === 'file' || own.type === 'executable') ? [{ dir: '', id: own.id }] : [];
    const all = [...here, ...below.flat()];
    // One more than are let through is enough to know; a tree that names itself would have billions.
    return all.length === 0 ? NONE : all.slice(0, MAX_FILES + 1);
  }
}

function join(dir: string, name: string): string {
  return dir === '' ? name : name === '' ? dir : `${dir}/${name}`;
}
