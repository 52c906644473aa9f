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
  readonly #found = new Map<string, EncryptedFile | null>();

  /** @param files by path */
  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  /** The documents that carry a MAC, as one file; null where no file has them. `path` is looked at first. */
  of(mac: string, path: string): EncryptedFile | null {
    let found = this.#found.get(mac);
    if (found === undefined) {
      found = mac.length < shortestMac ? null : this.#search(mac, path);
      this.#found.set(mac, found);
    }
    return found;
  }

  #search(mac: string, first: string): EncryptedFile | null {
    const paths = this.#files.has(first) ? [first, ...this.#files.keys()] : [...this.#files.keys()];
    for (const path of paths) {
      const content = Buffer.from(this.#files.get(path) ?? []);
      if (content.includes(mac)) return documentsWith(mac, path, content.toString());
    }
    return null;
  }
}

/** sops writes the same MAC into each document of a file. Others may stand beside them, put there without sops. */
function documentsWith(mac: string, path: string, text: string): EncryptedFile {
  const format = formatOf(path) === 'json' ? 'json' : 'yaml';
  const documents = text.split(documentStart).filter((document) => document.includes(mac));
  return { content: Buffer.from(documents.join('---')), format };
}
