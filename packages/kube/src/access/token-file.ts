import { readFile } from 'node:fs/promises';
import { systemError } from '@plumb/api';
import type { Headers } from '../transport/wire.ts';

/** Projected tokens are rotated at 80 % of their life, which is ten minutes at least: client-go reads once a minute too. */
const REREAD_MS = 60_000;

/** A bearer token in a file that something else keeps fresh. */
export class TokenFile {
  readonly #path: string;
  readonly #now: () => number;
  #header: Headers | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#now = now;
  }

  header(): Headers | Promise<Headers> {
    const fresh = this.#now() - this.#readAt < REREAD_MS;
    return fresh && this.#header !== undefined ? this.#header : this.#read();
  }

  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** A file that cannot be read for a moment (it is being replaced) leaves the last token in use. */
  async #read(): Promise<Headers> {
    try {
      this.#header = { authorization: `Bearer ${(await readFile(this.#path, 'utf8')).trim()}` };
      this.#readAt = this.#now();
      return this.#header;
    } catch (error) {
      if (this.#header !== undefined) return this.#header;
      throw systemError('authentication-failed', `cannot read the token file ${this.#path}`, error);
    }
  }
}
