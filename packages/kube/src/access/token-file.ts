import { readFile } from 'node:fs/promises';
import { systemError } from '@plumb/api';

/** Projected tokens are rotated at 80 % of their life, which is ten minutes at least: client-go reads once a minute too. */
const REREAD_MS = 60_000;

/** A bearer token in a file that something else keeps fresh. */
export class TokenFile {
  readonly #path: string;
  readonly #now: () => number;
  #token = '';
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#now = now;
  }

  async read(): Promise<string> {
    if (this.#now() - this.#readAt < REREAD_MS) return this.#token;
    try {
      this.#token = (await readFile(this.#path, 'utf8')).trim();
      this.#readAt = this.#now();
    } catch (error) {
      if (this.#token === '') throw systemError('authentication-failed', `cannot read the token file ${this.#path}`, error);
    }
    return this.#token;
  }

  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}
