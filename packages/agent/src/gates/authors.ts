import { oneLine, type ApprovalRule, type ExternalRule, type PolicyCheck } from '@plumb/api';
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

function bounded(told: Authorship): Authorship {
  return 'unknown' in told ? { ...told, unknown: oneLine(told.unknown).slice(0, LONGEST_REASON) } : told;
}
