import { PlumbError, systemError } from '@plumb/api';
import { beyond } from '../limits.ts';
import { Lru } from '../lru.ts';
import type { CatFile, GitObject } from './cat-file.ts';
import { parseCommit, parseTree, type GitCommitObject, type GitTreeObject } from './objects.ts';

const MAX_TREE_BYTES = 16 * 1024 * 1024;
const MAX_COMMIT_BYTES = 1024 * 1024;
const CACHED_TREES = 8192;

/** The reads that a tree is made of. */
export interface Objects {
  tree(id: string): Promise<GitTreeObject>;
  /** A file's bytes. @throws PlumbError `storage-failed` when it is larger than `limit` or not there. */
  blob(id: string, limit: number, name: string): Promise<Buffer>;
}

/** Typed reads of one mirror's objects. Trees never change under their id, so they are kept. */
export class ObjectStore implements Objects {
  readonly #cat: CatFile;
  readonly #trees = new Lru<string, Promise<GitTreeObject>>(CACHED_TREES);
  readonly #onDamage: () => void;

  /** `onDamage` is told when an object that must be there is missing or broken. */
  constructor(cat: CatFile, onDamage: () => void) {
    this.#cat = cat;
    this.#onDamage = onDamage;
  }

  /** A commit by id or fixed revision expression; null when it is not in the mirror. */
  async commit(what: string): Promise<(GitCommitObject & { id: string }) | null> {
    const object = await this.#guard(this.#cat.contents(what, MAX_COMMIT_BYTES));
    if (object === null || object.type !== 'commit' || object.body === null) return null;
    return { id: object.id, ...parseCommit(object.id, object.body) };
  }

  /** An object as it is stored; null when it is not here, or larger than any commit or tag needs to be. */
  async raw(what: string): Promise<{ id: string; type: string; body: Buffer } | null> {
    const object = await this.#guard(this.#cat.contents(what, MAX_COMMIT_BYTES));
    if (object === null || object.body === null) return null;
    return { id: object.id, type: object.type, body: object.body };
  }

  tree(id: string): Promise<GitTreeObject> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const read = this.#guard(this.#readTree(id));
    this.#trees.set(id, read);
    read.catch(() => this.#trees.delete(id));
    return read;
  }

  async blob(id: string, limit: number, name: string): Promise<Buffer> {
    const object = await this.#guard(this.#cat.contents(id, limit).then((found) => this.#present(found, id)));
    if (object.body === null)
      throw systemError('storage-failed', `file '${name}' has ${object.size} bytes, more than the limit of ${limit}`);
    return object.body;
  }

  /** Whether an object is here. */
  async has(id: string): Promise<boolean> {
    return (await this.#guard(this.#cat.info(id))) !== null;
  }

  /** Bytes of a file, without reading it. */
  async size(id: string): Promise<number> {
    const object = await this.#guard(this.#cat.info(id).then((found) => this.#present(found, id)));
    return object.size;
  }

  async #readTree(id: string): Promise<GitTreeObject> {
    const object = this.#present(await this.#cat.contents(id, MAX_TREE_BYTES), id);
    if (object.body === null)
      throw beyond(`folder ${id} has ${object.size} bytes of names, more than ${MAX_TREE_BYTES}; split it`);
    return parseTree(id, object.body);
  }

  #present(object: GitObject | null, id: string): GitObject {
    if (object === null) throw systemError('storage-failed', `git object ${id} is missing from the mirror`);
    return object;
  }

  async #guard<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      if (isDamage(error)) this.#onDamage();
      throw error;
    }
  }
}

/** What the repository itself is to blame for comes again with a new mirror. */
function isDamage(error: unknown): boolean {
  return !(error instanceof PlumbError) || (error.code !== 'cancelled' && error.fault === 'system');
}
