import { isUtf8 } from 'node:buffer';
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemError } from '@plumb/api';
import type { Entry, EntryType } from '../artifact.ts';
import type { GitTreeObject } from '../git/objects.ts';
import type { Objects } from '../git/object-store.ts';

/** The id of the root; that of anything below is its path. */
export const ROOT = '.';

/**
 * A folder on disk as it stands, behind the reads that a tree is made of. Links are shown as links and never followed; what is neither file,
 * folder nor link is not shown. Ids are paths: they name a place, not a content.
 */
export class FolderStore implements Objects {
  readonly #root: string;
  readonly #trees = new Map<string, Promise<GitTreeObject>>();

  constructor(root: string) {
    this.#root = root;
  }

  tree(id: string): Promise<GitTreeObject> {
    const known = this.#trees.get(id) ?? this.#list(id);
    this.#trees.set(id, known);
    return known;
  }

  async blob(id: string, limit: number, name: string): Promise<Buffer> {
    const path = join(this.#root, id);
    const stat = await lstat(path).catch(unreadable(name));
    if (stat.isSymbolicLink()) return readlink(path, 'buffer').catch(unreadable(name));
    if (stat.size > limit)
      throw systemError('storage-failed', `file '${name}' has ${stat.size} bytes, more than the limit of ${limit}`);
    return readFile(path).catch(unreadable(name));
  }

  async #list(id: string): Promise<GitTreeObject> {
    const dir = join(this.#root, id);
    const found = await readdir(dir, { withFileTypes: true, encoding: 'buffer' }).catch(unreadable(id));
    const odd = found
      .filter(({ name }) => !isUtf8(name))
      .map(({ name }) => ({ mode: '', name, id: join(id, name.toString('latin1')) }));
    const entries = await Promise.all(found.filter(({ name }) => isUtf8(name)).map((entry) => this.#entry(id, entry)));
    const shown = entries.filter((entry) => entry !== null).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { entries: shown, byName: new Map(shown.map((entry) => [entry.name, entry])), odd };
  }

  async #entry(dir: string, entry: Dirent<Buffer>): Promise<Entry | null> {
    const name = entry.name.toString('utf8');
    const id = join(dir, name);
    const type = typeOf(await lstat(join(this.#root, id)).catch(unreadable(id)));
    return type === null ? null : { name, type, id };
  }
}

function typeOf(stat: Stats): EntryType | null {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (!stat.isFile()) return null;
  return (stat.mode & 0o100) === 0 ? 'file' : 'executable';
}

function unreadable(name: string): (error: unknown) => never {
  return (error) => {
    const why = error instanceof Error ? error.message : String(error);
    throw systemError('storage-failed', `'${name}' cannot be read: ${why}`, error);
  };
}
