import type { Review } from './forge.ts';

/** What one person said of a pull request, once. */
export interface Opinion extends Review {
  /** It approves exactly the last commit, and nobody took that back. */
  isApproval: boolean;
}

/** Of each person what they said last, where that approves. @param opinions in the order in which they were given */
export function approvalsIn(opinions: readonly Opinion[]): Review[] {
  const last = new Map<string, Opinion>();
  for (const one of opinions) if (one.by !== '') last.set(one.by, one);
  return [...last.values()]
    .filter(({ isApproval, at }) => isApproval && !Number.isNaN(at))
    .map(({ by, at }) => ({ by, at }));
}
