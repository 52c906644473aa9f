import type { PlumbError } from '@plumb/api';
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
export function beyond(what: string): PlumbError {
  return correctable('source-failed', `the repository is beyond a limit: ${what}`);
}

/** The other way out where a limit can be set: ` or raise --git-max-entries`. */
export function orRaise({ setBy }: Pick<GitLimits, 'setBy'>, limit: keyof NonNullable<GitLimits['setBy']>): string {
  const option = setBy?.[limit];
  return option === undefined ? '' : ` or raise ${option}`;
}

/** @throws PlumbError `source-failed` for a folder below more than `limits.depth` others */
export function checkDepth(dir: string, depth: number, limits: Pick<GitLimits, 'depth'>): void {
  if (depth <= limits.depth) return;
  throw beyond(`folder '${dir.slice(0, 100)}' is nested deeper than ${limits.depth} levels; nest it less`);
}

/** Counts what is looked at, so that a small tree that names itself many times cannot keep anybody busy for long. */
export class Budget {
  readonly #limits: EntryLimits;
  #left: number;

  constructor(limits: EntryLimits) {
    this.#limits = limits;
    this.#left = limits.entries;
  }

  spend(): void {
    this.#left -= 1;
    if (this.#left >= 0) return;
    const next = `exclude some in .sourceignore${orRaise(this.#limits, 'entries')}`;
    throw beyond(`more than ${this.#limits.entries} files and folders; ${next}`);
  }
}

export type EntryLimits = Pick<GitLimits, 'entries' | 'setBy'>;
