import { formatDuration, parseDuration, type ApprovalRule, type BreakGlass } from '@plumb/api';
import { evidenceOf, isFresh, oncePerPerson, type ApprovalInput, type Verdict } from './counting.ts';
import { judgeEndorsed } from './endorsed.ts';
import type { ApprovalFacts, Endorsements } from './facts.ts';
import { describePeople, isOneOf, spelling, usersOf } from './people.ts';

/** Whether enough people approved, in the cluster or, where the rule asks them too, elsewhere. */
export function judgeApprovals(rule: ApprovalRule, input: ApprovalInput, elsewhere?: Endorsements): Verdict {
  const { count, expiry } = rule;
  const authors = rule.notAuthor === true ? authorUsers(input) : { users: [] };
  if ('unknown' in authors) return missing(authors.unknown);
  const given = input.approvals.filter((one) => isConsent(one) && isOneOf(rule, one));
  const isGiven = given.length > 0 || isEndorsed(elsewhere);
  if (expiry !== undefined && input.clockTrouble !== null && isGiven) {
    return missing(`a trusted clock, to tell how old approvals are: ${input.clockTrouble}`);
  }
  const fresh = given.filter(({ at }) => isFresh(at, expiry, input.now));
  const others = fresh.filter(({ by }) => !authors.users.includes(spelling(by)));
  const counting = oncePerPerson(others, input.identities ?? []);
  if (counting.length < count) {
    const alone = waitsFor(rule, { given, fresh, others, counting });
    if (elsewhere === undefined) return alone;
    return judgeEndorsed(rule, input, { counting, alone }, elsewhere);
  }
  if (count > 1 && input.identitiesName !== null && input.identities === null) {
    return missing(`the identities of accounts: ${input.identitiesName} cannot be read`);
  }
  return { verdict: 'Met', message: `${count} of ${count} approved`, evidence: counting.map(evidenceOf) };
}

function isEndorsed(elsewhere: Endorsements | undefined): boolean {
  return elsewhere !== undefined && 'parts' in elsewhere && elsewhere.parts.some(({ by }) => by.length > 0);
}

/** How many more are needed, and why some of those that were given do not count: each list is a part of the one before. */
function waitsFor(
  rule: ApprovalRule,
  { given, fresh, others, counting }: Record<'given' | 'fresh' | 'others' | 'counting', readonly ApprovalFacts[]>,
): Verdict {
  const left = rule.count - counting.length;
  const notes = [
    ...(fresh.length < given.length && rule.expiry !== undefined
      ? [`one is older than ${formatDuration(parseDuration(rule.expiry))} and no longer counts`]
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
      one.decision === 'Approve' &&
      one.override !== null &&
      isOneOf(rule, one) &&
      isFresh(one.at, rule.expiry, input.now),
  );
  return found === undefined ? null : { approval: found, isInTime: input.clockTrouble === null };
}

/** The approvals of others than the authors; none while nobody knows who these are. */
export function ofOthers(approvals: readonly ApprovalFacts[], input: ApprovalInput): ApprovalFacts[] {
  const authors = authorUsers(input);
  return 'unknown' in authors ? [] : approvals.filter(({ by }) => !authors.users.includes(spelling(by)));
}

/** The users whose approvals do not count; or why that cannot be told. */
function authorUsers({ change, identities, identitiesName }: ApprovalInput): { users: string[] } | { unknown: string } {
  if ('unknown' in change.authors)
    return { unknown: `the authors of this revision to be known: ${change.authors.unknown}` };
  if (change.authors.authors.length === 0) return { unknown: 'the authors of this revision to be known' };
  if (identitiesName === null || identities === null) {
    const where = identitiesName === null ? 'the policy names no identitiesRef' : `${identitiesName} cannot be read`;
    return { unknown: `the users that the authors are in the cluster: ${where}` };
  }
  const users: string[] = [];
  for (const author of change.authors.authors) {
    const found = usersOf(author, identities);
    if (found === null) {
      return { unknown: `a user of the cluster for ${author.name} <${author.email}>: ${identitiesName} names none` };
    }
    users.push(...found);
  }
  return { users };
}

function missing(message: string): Verdict {
  return { verdict: 'Missing', message, evidence: [] };
}
