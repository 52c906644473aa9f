import { reach } from '@plumb/core';
import type { RangeCommit } from '@plumb/sources';
import type { Forge, PullRequest } from './forge.ts';

/** Commits, and the pull requests each of which shows its reviewers all of them; without any nobody could review them. */
export interface Covered {
  commits: readonly string[];
  pulls: readonly PullRequest[];
  /** A pull request that they came with, but not as it was reviewed. */
  other: PullRequest | null;
}

/** Pull requests that one change may be made of. */
const MOST_PULLS = 50;

/**
 * Which pull requests brought the commits of a range. Git itself says what is in a pull request's last commit; the forge says which of it the pull request
 * showed. What was merged counts only where it is what reviewers saw: the last commit itself, a merge of it into what it had in it already, or commits made
 * from it that come to the very same files.
 */
export async function coverageOf(range: readonly RangeCommit[], forge: Forge): Promise<Covered[]> {
  const coverage = new Coverage(range, forge);
  for (const commit of range) await coverage.look(commit);
  return coverage.groups();
}

class Coverage {
  readonly #range: readonly RangeCommit[];
  readonly #byId: ReadonlyMap<string, RangeCommit>;
  readonly #forge: Forge;
  /** By number: what in the range a pull request may claim. */
  readonly #examined = new Map<number, { pull: PullRequest; within: ReadonlySet<string> }>();
  readonly #covering = new Map<string, Set<number>>();
  readonly #others = new Map<string, PullRequest>();

  constructor(range: readonly RangeCommit[], forge: Forge) {
    this.#range = range;
    this.#byId = new Map(range.map((commit) => [commit.id, commit]));
    this.#forge = forge;
  }

  async look({ id, parents }: RangeCommit): Promise<void> {
    if (this.#covering.has(id)) return;
    let pulls = await this.#forge.pullsOf(id);
    const [, merged] = parents;
    // Not every forge names a merge with what it merged.
    if (pulls.length === 0 && merged !== undefined && this.#byId.has(merged)) pulls = await this.#forge.pullsOf(merged);
    for (const pull of pulls) {
      const { within } = await this.#examine(pull);
      if (within.has(id)) this.#cover(id, pull);
    }
    const [first] = pulls;
    if (first !== undefined && !this.#covering.has(id)) this.#others.set(id, first);
  }

  groups(): Covered[] {
    const groups = new Map<string, { commits: string[]; pulls: PullRequest[]; other: PullRequest | null }>();
    for (const { id } of this.#range) {
      const numbers = [...(this.#covering.get(id) ?? [])].sort((a, b) => a - b);
      const other = numbers.length > 0 ? null : (this.#others.get(id) ?? null);
      const key = `${numbers.join(' ')} ${other?.number ?? ''}`;
      const pulls = numbers.flatMap((number) => this.#examined.get(number)?.pull ?? []);
      const group = groups.get(key) ?? { commits: [], pulls, other };
      group.commits.push(id);
      groups.set(key, group);
    }
    return [...groups.values()];
  }

  async #examine(pull: PullRequest): Promise<{ within: ReadonlySet<string> }> {
    const known = this.#examined.get(pull.number);
    if (known !== undefined) return known;
    if (!isSound(pull)) throw new Error('the forge tells of a pull request without a number or a last commit');
    if (this.#examined.size >= MOST_PULLS) throw new Error(`it is made of more than ${MOST_PULLS} pull requests`);
    const within = new Set<string>();
    const examined = { pull, within };
    this.#examined.set(pull.number, examined);
    if (this.#byId.has(pull.head)) await this.#asItIs(pull, within);
    else await this.#asMadeAnew(pull, within);
    return examined;
  }

  /** Its last commit is in the range: merged, or as the newest of a branch. */
  async #asItIs(pull: PullRequest, within: Set<string>): Promise<void> {
    const behind = reach(pull.head, this.#byId);
    for (const id of behind) within.add(id);
    const shown = await this.#forge.commitsOf(pull);
    for (const id of [pull.head, ...shown]) if (behind.has(id)) this.#cover(id, pull);
    const tree = this.#byId.get(pull.head)?.tree;
    for (const { id, parents, tree: merged } of this.#range) {
      const [base = '', head, ...more] = parents;
      const isMerge = head === pull.head && more.length === 0 && behind.has(base);
      if (isMerge && merged === tree && merged !== '') this.#cover(id, pull);
    }
  }

  /** It was squashed or rebased. */
  async #asMadeAnew(pull: PullRequest, within: Set<string>): Promise<void> {
    const landed = this.#range.filter(({ id }) => pull.landed.some((told) => id.startsWith(told)));
    for (const commit of landed) {
      if (!(await this.#forge.isSame(pull.head, commit))) continue;
      this.#cover(commit.id, pull);
      for (const id of reach(commit.id, this.#byId)) within.add(id);
    }
  }

  #cover(id: string, { number }: PullRequest): void {
    if (!this.#byId.has(id)) return;
    const covering = this.#covering.get(id) ?? new Set();
    this.#covering.set(id, covering.add(number));
  }
}

function isSound({ number, head, landed }: PullRequest): boolean {
  const isId = (text: string): boolean => /^[0-9a-f]{12,64}$/.test(text);
  return Number.isSafeInteger(number) && head.length >= 40 && [head, ...landed].every(isId);
}
