import type { ObjectStore } from '../git/object-store.ts';
import { Lru } from '../lru.ts';
import { IgnoreRules, type IgnoreText } from './ignore-rules.ts';

const FILE_NAME = '.sourceignore';
const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 256;

interface Found {
  dir: string;
  id: string;
}

const NONE: readonly Found[] = [];

/** Finds the `.sourceignore` files of a tree. What stands below a tree id never changes, so a new commit costs only its changed folders. */
export class IgnoreFiles {
  readonly #store: ObjectStore;
  readonly #below = new Lru<string, readonly Found[]>(65_536);

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** The rules in force: files from the root down, then spec.ignore. */
  async rules(root: string, specIgnore: string | undefined): Promise<IgnoreRules> {
    const found = await this.#find(root, 0);
    const texts: IgnoreText[] = await Promise.all(
      found.map(async ({ dir, id }) => ({
        dir,
        text: (await this.#store.blob(id, MAX_BYTES, join(dir, FILE_NAME))).toString('utf8'),
      })),
    );
    if (specIgnore !== undefined) texts.push({ dir: '', text: specIgnore });
    return new IgnoreRules(texts);
  }

  async #find(tree: string, depth: number): Promise<readonly Found[]> {
    const known = this.#below.get(tree);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) return NONE;
    const { entries, byName } = await this.#store.tree(tree);
    const own = byName.get(FILE_NAME);
    const below = await Promise.all(
      entries
        .filter(({ type }) => type === 'directory')
        .map(async ({ name, id }) =>
          (await this.#find(id, depth + 1)).map((found) => ({ dir: join(name, found.dir), id: found.id })),
        ),
    );
    const here =
      own !== undefined && (own.type === 'file' || own.type === 'executable') ? [{ dir: '', id: own.id }] : [];
    const all = [...here, ...below.flat()];
    const result = all.length === 0 ? NONE : all;
    this.#below.set(tree, result);
    return result;
  }
}

function join(dir: string, name: string): string {
  return dir === '' ? name : name === '' ? dir : `${dir}/${name}`;
}
