import { formatDuration, parseDuration, type ApprovalRule } from '@plumb/api';
import { evidenceOf, isFresh, MOST_AHEAD, oncePerPerson, type ApprovalInput, type Verdict } from './counting.ts';
import type { ApprovalFacts, EndorsedPart, Endorsement, Endorsements } from './facts.ts';
import { isAuthor, isKnownLogin } from './people.ts';

/** What of a rule was found of approvals in the cluster. */
export interface Approved {
  /** Those that count. Each is of the whole change. */
  counting: readonly ApprovalFacts[];
  /** What the approvals alone came to: not enough. */
  alone: Verdict;
}

/** Parts that are told of one that waits. */
const TOLD = 3;
/** Pieces of evidence that are kept. */
const KEPT = 100;

/** Whether approvals, together with what was said elsewhere, are enough for each part of the change. */
export function judgeEndorsed(
  rule: ApprovalRule,
  input: ApprovalInput,
  approved: Approved,
  elsewhere: Endorsements,
): Verdict {
  const { alone, counting } = approved;
  if ('trouble' in elsewhere)
    return { ...alone, message: `${alone.message}, or approvals given elsewhere: ${elsewhere.trouble}` };
  const parts = elsewhere.parts.map((part) => judgePart(rule, part, { input, approved }));
  const evidence = [...new Set([...counting.map(evidenceOf), ...parts.flatMap(({ by }) => by.map(toldOf))])].slice(
    0,
    KEPT,
  );
  // Of a change without parts nobody has said anything.
  if (parts.length === 0) return alone;
  const lacking = parts.filter(({ left }) => left > 0);
  if (lacking.length === 0) return { verdict: 'Met', message: `${rule.count} of ${rule.count} approved`, evidence };
  const told = lacking.slice(0, TOLD).map(({ left, wanted, notes }) => `${left} ${wanted}${inBrackets(notes)}`);
  const more = lacking.length <= TOLD ? [] : [`${lacking.length - TOLD} more like it`];
  return { ...alone, message: `${alone.message}, or ${[...told, ...more].join(' and ')}`, evidence };
}

interface JudgedPart {
  wanted: string;
  /** How many people are missing. */
  left: number;
  by: readonly Endorsement[];
  /** Why some do not count. */
  notes: readonly string[];
}

function judgePart(
  rule: ApprovalRule,
  { wanted, by, notes: known = [] }: EndorsedPart,
  { input, approved }: { input: ApprovalInput; approved: Approved },
): JudgedPart {
  const { count } = rule;
  const identities = input.identities ?? [];
  const notes = new Set(known);
  const good = by.filter((one) => {
    const why = whyNot(one, rule, input);
    if (why !== null) notes.add(why);
    return why === null;
  });
  const people = oncePerPerson<ApprovalFacts | Endorsement>([...approved.counting, ...good], identities);
  return { wanted, left: count - people.length, by: good, notes: [...notes] };
}

/** Why an endorsement does not count; null when it does. */
function whyNot(one: Endorsement, { count, expiry, notAuthor }: ApprovalRule, input: ApprovalInput): string | null {
  const { by, aliases = [] } = one;
  const late = untimely(one, expiry, input);
  if (late !== null) return `that of ${by} ${late}`;
  const { identitiesName } = input;
  const identities = input.identities ?? [];
  // Who is one person, and who an author, cannot be told of somebody nobody knows.
  if ((notAuthor === true || count > 1) && !isKnownLogin(by, identities)) {
    const where =
      identitiesName === null ? 'no ConfigMap is named by identitiesRef that tells' : `${identitiesName} does not tell`;
    return `that of ${by} does not count: ${where} who that is, by a line "${by.replace(':', ': ')}"`;
  }
  if (notAuthor !== true) return null;
  const authors = one.authors ?? ('unknown' in input.change.authors ? [] : input.change.authors.authors);
  const isOwn = [by, ...aliases].some((name) => authors.some((author) => isAuthor(name, author, identities)));
  return isOwn ? `that of ${by} does not count: an author` : null;
}

/** What is wrong with the time of an endorsement; null when nothing is. */
function untimely(
  { at, isOwnTime }: Endorsement,
  expiry: string | undefined,
  { now, from = -Infinity, clockTrouble }: ApprovalInput,
): string | null {
  if (isOwnTime === true && clockTrouble !== null) return `counts once the clock is trusted: ${clockTrouble}`;
  if (isOwnTime === true && at - now > MOST_AHEAD)
    return `is dated ${new Date(at).toISOString()}, which is yet to come`;
  if (!(at >= from)) return 'is from before the lockdown';
  if (expiry === undefined || isFresh(at, expiry, now)) return null;
  return `is older than ${formatDuration(parseDuration(expiry))} and no longer counts`;
}

function toldOf({ evidence, at }: Endorsement): string {
  return `${evidence} at ${new Date(at).toISOString()}`;
}

function inBrackets(notes: readonly string[]): string {
  return notes.length === 0 ? '' : ` (${notes.slice(0, TOLD).join('; ')})`;
}
