import { correctable } from './git/address.ts';
import type { GitLimits } from './git-sources.ts';

const MIB = 1024 * 1024;

/** Milliseconds without a read after which a mirror's reading process is stopped. */
export const IDLE_TIMEOUT = 30_000;

export const DEFAULT_LIMITS: GitLimits = {
  entries: 250_000,
  depth: 256,
  fileBytes: 100 * MIB,
  totalBytes: 2048 * MIB,
  fetchBytes: 2048 * MIB,
  objectBytes: 256 * MIB,
  submodules: 100,
};

/** What to do about content that is too much is up to the user; the next commit may be smaller. */
export function beyond(what: string): Error {
  return correctable('source-failed', `the repository is beyond a limit: ${what}`);
}

/** Counts what is looked at, so that a small tree that names itself many times cannot keep anybody busy for long. */
export class Budget {
  readonly #limit: number;
  #left: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  spend(): void {
    this.#left -= 1;
    if (this.#left < 0)
      throw beyond(`more than ${this.#limit} files and folders; exclude some in .sourceignore or raise the limit`);
  }
}
