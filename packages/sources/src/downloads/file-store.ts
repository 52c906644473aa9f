import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { systemError } from '@plumb/api';
import type { GitTreeObject } from '../git/objects.ts';
import type { Objects } from '../git/object-store.ts';
import type { FileAt, FileIndex } from './file-index.ts';

/** The files of an unpacked artifact, behind the reads that a tree is made of. Each is checked against its id when it is read. */
export class FileStore implements Objects {
  readonly #data: string;
  readonly #index: FileIndex;
  readonly #onDamage: () => void;
  /** Open while somebody reads. */
  #handle: Promise<FileHandle> | null = null;
  #readers = 0;

  constructor(data: string, index: FileIndex, onDamage: () => void) {
    this.#data = data;
    this.#index = index;
    this.#onDamage = onDamage;
  }

  tree(id: string): Promise<GitTreeObject> {
    const found = this.#index.trees.get(id);
    if (found !== undefined) return Promise.resolve(found);
    return Promise.reject(systemError('storage-failed', `folder ${id} is not in the artifact`));
  }

  async blob(id: string, limit: number, name: string): Promise<Buffer> {
    const file = this.#index.files.get(id);
    if (file === undefined) throw systemError('storage-failed', `file '${name}' is not in the artifact`);
    if (file.size > limit)
      throw systemError('storage-failed', `file '${name}' has ${file.size} bytes, more than the limit of ${limit}`);
    try {
      return await this.#read(file);
    } catch (error) {
      this.#onDamage();
      const why = error instanceof Error ? error.message : String(error);
      throw systemError('storage-failed', `file '${name}' of an artifact cannot be read: ${why}`, error);
    }
  }

  async #read({ id, offset, size }: FileAt): Promise<Buffer> {
    this.#readers += 1;
    this.#handle ??= open(this.#data, 'r');
    const opening = this.#handle;
    try {
      const handle = await opening;
      const content = Buffer.alloc(size);
      const { bytesRead } = await handle.read(content, 0, size, offset);
      if (bytesRead < size || createHash('sha256').update(content).digest('hex') !== id)
        throw new Error('it is damaged on disk');
      return content;
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) {
        this.#handle = null;
        await opening.then((handle) => handle.close()).catch(() => undefined);
      }
    }
  }
}
