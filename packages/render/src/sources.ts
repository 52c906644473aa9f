import type { EncryptedFile } from '@plumb/engine';
import { formatOf } from './encrypted.ts';

/** Shorter texts than a MAC of sops could stand anywhere. */
const shortestMac = 64;
/** A line that begins so starts a document, wherever it stands: no scalar may hold one (YAML 1.2, c-forbidden). */
const documentStart = /^---(?=\s|$)/m;

/**
 * The files that objects were declared in. sops computes a MAC over a whole file, in its order and with its values, so that it can be
 * verified there and nowhere else.
 */
export class Sources {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #found = new Map<string, EncryptedFile>();

  /** @param files by path */
  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  /**
   * The documents that carry a MAC, as one file: those of `path`, where it has them, for a copy that was changed carries the MAC of the original.
   * Else those of the one file that has them; null where none does, or several.
   */
  of(mac: string, path: string): EncryptedFile | null {
    if (mac.length < shortestMac) return null;
    if (this.#has(path, mac)) return this.#documents(mac, path);
    const paths = [...this.#files.keys()].filter((other) => this.#has(other, mac));
    const [only] = paths;
    return only !== undefined && paths.length === 1 ? this.#documents(mac, only) : null;
  }

  #has(path: string, mac: string): boolean {
    const content = this.#files.get(path);
    return content !== undefined && Buffer.from(content.buffer, content.byteOffset, content.byteLength).includes(mac);
  }

  /** The same for each object of a file, so that it is sent once. */
  #documents(mac: string, path: string): EncryptedFile {
    const id = `${mac} ${path}`;
    const found = this.#found.get(id) ?? documentsWith(mac, path, Buffer.from(this.#files.get(path) ?? []).toString());
    this.#found.set(id, found);
    return found;
  }
}

/** sops writes the same MAC into each document of a file. Others may stand beside them, put there without sops. */
function documentsWith(mac: string, path: string, text: string): EncryptedFile {
  const format = formatOf(path) === 'json' ? 'json' : 'yaml';
  const documents = text.split(documentStart).filter((document) => document.includes(mac));
  return { content: Buffer.from(documents.join('---')), format };
}
