import { parseDuration } from '@plumb/api';
import type { ApprovalFacts, ChangeFacts, Identity, Requirement } from './facts.ts';
import { accountsOf, spelling } from './people.ts';

/** What approvals are judged by. */
export interface ApprovalInput {
  change: ChangeFacts;
  /** Those about this very change. */
  approvals: readonly ApprovalFacts[];
  /** Null where the mapping of authors to users could not be read. */
  identities: readonly Identity[] | null;
  /** The mapping, by name, for messages; null where none is named. */
  identitiesName: string | null;
  /** Milliseconds since the epoch. */
  now: number;
  /** Why `now` cannot be believed: then nobody can tell how old an approval is. Null when it can. */
  clockTrouble: string | null;
  /** What was said earlier does not count. Milliseconds since the epoch. */
  from?: number;
}

export type Verdict = Pick<Requirement, 'verdict' | 'message' | 'evidence'>;

/** The API server's clock may go after the time at which it made an approval by so much: what we know of it is a little old. Milliseconds. */
export const MOST_AHEAD = 60_000;

export function evidenceOf({ by, name, at }: ApprovalFacts): string {
  return `Approval/${name} by ${by} at ${new Date(at).toISOString()}`;
}

/** One that is still to come shows that a clock was set back, perhaps over the end of an approval. */
export function isFresh(at: number, expiry: string | undefined, now: number): boolean {
  if (expiry === undefined) return true;
  return now - at < parseDuration(expiry) && at - now <= MOST_AHEAD;
}

/** Two approvals of one person are one, however the name is written, and from whichever of their accounts. */
export function oncePerPerson<Said extends { by: string; aliases?: readonly string[] }>(
  approvals: readonly Said[],
  identities: readonly Identity[],
): Said[] {
  const seen = new Set<string>();
  return approvals.filter(({ by, aliases = [] }) => {
    const accounts = accountsOf([by, ...aliases].map(spelling), identities);
    if (accounts.some((one) => seen.has(one))) return false;
    for (const account of accounts) seen.add(account);
    return true;
  });
}
