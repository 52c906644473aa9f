import type { SignedRule } from '@plumb/api';
import { contributorsOf, fits, type SignedFacts } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { KeyFile, SignedQuestion, SignedWords } from '@plumb/sources';
import type { Clock } from '../runtime/clock.ts';
import { LateAnswers, type Trouble } from './late-answers.ts';
import { readEntries } from './read-entries.ts';
import { newCommits, type SourceCommits } from './reviews.ts';

/** What is signed of the revision that is to be applied. */
export type SignaturesOf = (question: Omit<SignedQuestion, 'revision'>) => Promise<SignedWords>;

/** What the signatures of a change are asked by. */
export interface SignaturesQuestion {
  rule: SignedRule;
  /** Of the signers, where the rule names them: that of a ReleasePolicy. */
  namespace: string;
  /** Names all that the answer depends on. */
  id: string;
  commits: () => Promise<SourceCommits>;
  signed: SignaturesOf;
  /** Told of an answer that was not waited for. */
  onLate: () => void;
}

/** How long a judgement waits for an answer. Milliseconds. */
const WITHIN = 5_000;
/** An answer is as good as a new one for so long: units of one source are judged one after the other. Milliseconds. */
const GOOD_FOR = 30_000;
const MOST_ANSWERS = 1_000;
/** Bytes of all lists of signers together. */
const LONGEST_LIST = 1024 * 1024;
/** What the name of an entry with OpenPGP keys ends with, as in Secrets of a GitRepository. */
const OPENPGP = '.asc';

/** Signatures in Git, as rules of approvals ask for them. */
export class Signatures {
  readonly #cluster: Cluster;
  readonly #answers: LateAnswers<SignedFacts | Trouble>;
  readonly #end = new AbortController();

  constructor({ cluster, clock }: { cluster: Cluster; clock: Clock }) {
    this.#cluster = cluster;
    this.#answers = new LateAnswers({ clock, most: MOST_ANSWERS });
  }

  /** What is signed; a remote that is slow is not waited for. */
  async ask(question: SignaturesQuestion): Promise<SignedFacts | Trouble> {
    const asked = { key: question.id, ask: () => this.#findOut(question), countsFor: () => GOOD_FOR };
    const told = await this.#answers.answerTo(asked, { within: WITHIN, onLate: question.onLate });
    return told ?? { trouble: 'what is signed in Git is still being looked for' };
  }

  done(): void {
    this.#end.abort();
  }

  async #findOut({ rule, namespace, commits, signed }: SignaturesQuestion): Promise<SignedFacts | Trouble> {
    const range = await newCommits(commits);
    if ('trouble' in range) return range;
    const { tags, trailer } = rule;
    const found = await signed({
      ...(await this.#signers(rule, namespace)),
      isWanted: tags === undefined ? null : (name) => fits(tags, name),
      isHeadWanted: trailer !== undefined,
    });
    if ('unknown' in found) throw new Error(`nobody knows what is signed in Git: ${found.unknown}`);
    return { ...found, authors: contributorsOf(range.commits) };
  }

  /** @throws Error in words for people where nobody could sign by it */
  async #signers({ signersRef }: SignedRule, own: string): Promise<Pick<SignedQuestion, 'openpgp' | 'ssh'>> {
    const { id, entries } = await readEntries(signersRef, own, { cluster: this.#cluster, signal: this.#end.signal });
    const files = [...entries].map(([name, text]): KeyFile => ({ name, text }));
    if (files.every(({ text }) => text.trim() === '')) throw new Error(`${id} names nobody who may sign`);
    if (files.reduce((sum, { text }) => sum + text.length, 0) > LONGEST_LIST)
      throw new Error(`${id} holds more than ${LONGEST_LIST} characters`);
    const isOpenpgp = ({ name }: KeyFile): boolean => name.endsWith(OPENPGP);
    return { openpgp: files.filter(isOpenpgp), ssh: files.filter((file) => !isOpenpgp(file)) };
  }
}
