import { oneLine, type ApprovalRule, type ChangeAuthor, type ExternalRule, type PolicyCheck } from '@plumb/api';
import { readsSource, type Authorship } from '@plumb/core';
import type { Clock } from '../runtime/clock.ts';
import { isInTime, troubleOf } from './late-answers.ts';

/** How long a judgement waits to learn whose work a change is. Milliseconds. */
const WITHIN = 5_000;
const LONGEST_REASON = 500;

/** Whether rules ask whose work a change is. Expressions do that through `source` alone. */
export function readsAuthors({
  checks = [],
  approvals = [],
  external = [],
}: {
  checks?: PolicyCheck[];
  approvals?: ApprovalRule[];
  external?: ExternalRule[];
}): boolean {
  if (external.some(readsSource)) return true;
  const texts = [
    ...checks.flatMap(({ expression, messageExpression = '' }) => [expression, messageExpression]),
    ...approvals.map(({ when = '' }) => when),
  ];
  return approvals.some(({ notAuthor }) => notAuthor === true) || texts.some((text) => /\bsource\b/.test(text));
}

export interface AuthorsQuestion {
  /** Asks the source. */
  ask: () => Promise<Authorship>;
  /** The change is made of what stands outside its source too. */
  hasRemoteBases: boolean;
  clock: Clock;
  /** Called when an answer that was not waited for is there. */
  onLate: () => void;
}

/** Whose work a change is, or that nobody knows yet: a remote that is slow is not waited for. */
export async function askAuthors({ ask, hasRemoteBases, clock, onLate }: AuthorsQuestion): Promise<Authorship> {
  if (hasRemoteBases) return { unknown: 'it is made of remote bases too, of which they are not looked up' };
  const answer = ask()
    .catch((error: unknown) => ({ unknown: troubleOf(error).trouble }))
    .then(bounded);
  if (await isInTime(answer, { clock, within: WITHIN, onLate })) return answer;
  return { unknown: 'they are still being looked for' };
}

/** What a range of commits of a source tells. */
interface Told {
  source: { kind: string; namespace: string; name: string };
  told: Authorship;
}

/** Of all ranges together, the own one first: each author once. What is known of one part alone is not known of all. */
export function authorsTogether(all: readonly Told[]): Authorship {
  const sources = all.map(({ source: { kind, namespace, name } }) => `${kind}/${namespace}/${name}`);
  return all
    .map(({ told }, index) => {
      // A source tells of what it has on offer whether that is signed, and of what it had before no more.
      const isAgain = sources.indexOf(sources[index] ?? '') < index;
      return isAgain && !('unknown' in told) ? { ...told, verified: true } : told;
    })
    .reduce(both);
}

function both(own: Authorship, other: Authorship): Authorship {
  if ('unknown' in own) return own;
  if ('unknown' in other) return other;
  const known = new Set(own.authors.map(authorId));
  const authors = [...own.authors, ...other.authors.filter((one) => !known.has(authorId(one)))];
  return { ...own, authors, verified: own.verified && other.verified };
}

/** As Git has them: who is one person is told by identities. */
function authorId({ name, email }: ChangeAuthor): string {
  return JSON.stringify([name, email]);
}

function bounded(told: Authorship): Authorship {
  return 'unknown' in told ? { ...told, unknown: oneLine(told.unknown).slice(0, LONGEST_REASON) } : told;
}
