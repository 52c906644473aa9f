import { formatDuration, parseDuration, type ApprovalRule, type BreakGlass } from '@plumb/api';
import type { ApprovalFacts, ChangeFacts, Identity, Requirement } from './facts.ts';
import { accountsOf, describePeople, isOneOf, spelling, usersOf } from './people.ts';

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
}

type Verdict = Pick<Requirement, 'verdict' | 'message' | 'evidence'>;

/** The API server's clock may go after the time at which it made an approval by so much: what we know of it is a little old. Milliseconds. */
const MOST_AHEAD = 60_000;

/** Whether enough people approved. */
export function judgeApprovals(rule: ApprovalRule, input: ApprovalInput): Verdict {
  const { count, expiry } = rule;
  const authors = rule.notAuthor === true ? authorUsers(input) : { users: [] };
  if ('unknown' in authors) return missing(authors.unknown);
  const given = input.approvals.filter((one) => isConsent(one) && isOneOf(rule, one));
  if (expiry !== undefined && input.clockTrouble !== null && given.length > 0) {
    return missing(`a clock that can be believed, to tell how old approvals are: ${input.clockTrouble}`);
  }
  const fresh = given.filter((one) => isFresh(one, expiry, input.now));
  const others = fresh.filter(({ by }) => !authors.users.includes(spelling(by)));
  const counting = oncePerPerson(others, input.identities ?? []);
  if (counting.length < count) return waitsFor(rule, { given, fresh, others, counting });
  if (count > 1 && input.identitiesName !== null && input.identities === null) {
    return missing(`word of which accounts are of one person: ${input.identitiesName} cannot be read`);
  }
  return { verdict: 'Met', message: `${count} of ${count} approved`, evidence: counting.map(evidenceOf) };
}

/** How many more are needed, and why some of those that were given do not count: each list is a part of the one before. */
function waitsFor(
  rule: ApprovalRule,
  { given, fresh, others, counting }: Record<'given' | 'fresh' | 'others' | 'counting', readonly ApprovalFacts[]>,
): Verdict {
  const left = rule.count - counting.length;
  const notes = [
    ...(fresh.length < given.length && rule.expiry !== undefined
      ? [`one is older than ${formatDuration(parseDuration(rule.expiry))} and counts no more`]
      : []),
    ...(others.length < fresh.length ? ['that of an author does not count'] : []),
  ];
  const why = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const more = given.length === 0 ? '' : ' more';
  const text = `${left}${more} approval${left === 1 ? '' : 's'} by ${describePeople(rule)}${why}`;
  return { ...missing(text), evidence: counting.map(evidenceOf) };
}

/** Whether somebody has approved, and not only broken the glass: who does that has not looked at the change. */
export function isConsent({ decision, override }: ApprovalFacts): boolean {
  return decision === 'Approve' && override === null;
}

/** The approval that breaks the glass, where one may and it does not count no more; while the clock cannot be believed nobody can tell. */
export function overrideOf(
  rule: BreakGlass | undefined,
  input: Pick<ApprovalInput, 'approvals' | 'now' | 'clockTrouble'>,
): { approval: ApprovalFacts; isInTime: boolean } | null {
  if (rule === undefined || ((rule.users ?? []).length === 0 && (rule.groups ?? []).length === 0)) return null;
  const found = input.approvals.find(
    (one) =>
      one.decision === 'Approve' && one.override !== null && isOneOf(rule, one) && isFresh(one, rule.expiry, input.now),
  );
  return found === undefined ? null : { approval: found, isInTime: input.clockTrouble === null };
}

export function evidenceOf({ by, name, at }: ApprovalFacts): string {
  return `Approval/${name} by ${by} at ${new Date(at).toISOString()}`;
}

/** One that is still to come shows that a clock was set back, perhaps over the end of an approval. */
function isFresh({ at }: ApprovalFacts, expiry: string | undefined, now: number): boolean {
  if (expiry === undefined) return true;
  return now - at < parseDuration(expiry) && at - now <= MOST_AHEAD;
}

/** The approvals of others than the authors; none while nobody knows who these are. */
export function ofOthers(approvals: readonly ApprovalFacts[], input: ApprovalInput): ApprovalFacts[] {
  const authors = authorUsers(input);
  return 'unknown' in authors ? [] : approvals.filter(({ by }) => !authors.users.includes(spelling(by)));
}

/** The users whose approvals do not count; or why that cannot be told. */
function authorUsers({ change, identities, identitiesName }: ApprovalInput): { users: string[] } | { unknown: string } {
  if ('unknown' in change.authors)
    return { unknown: `word of who the authors of this revision are: ${change.authors.unknown}` };
  if (change.authors.authors.length === 0) return { unknown: 'word of who the authors of this revision are' };
  if (identitiesName === null || identities === null) {
    const where = identitiesName === null ? 'the policy names no identitiesRef' : `${identitiesName} cannot be read`;
    return { unknown: `word of who the authors are in the cluster: ${where}` };
  }
  const users: string[] = [];
  for (const author of change.authors.authors) {
    const found = usersOf(author, identities);
    if (found === null) {
      return { unknown: `word of which user ${author.name} <${author.email}> is: ${identitiesName} does not tell` };
    }
    users.push(...found);
  }
  return { users };
}

/** Two approvals of one person are one, however the name is written, and from whichever of their accounts. */
function oncePerPerson(approvals: readonly ApprovalFacts[], identities: readonly Identity[]): ApprovalFacts[] {
  const seen = new Set<string>();
  return approvals.filter(({ by }) => {
    const user = spelling(by);
    if (seen.has(user)) return false;
    for (const account of accountsOf([user], identities)) seen.add(account);
    return true;
  });
}

function missing(message: string): Verdict {
  return { verdict: 'Missing', message, evidence: [] };
}
