import { oneLine, type ApprovalRule, type ChangeAuthor, type SignedRule } from '@plumb/api';
import type { Elsewhere, EndorsedPart, Endorsement, Endorsements, Identity, SignedAs, SignedFacts } from './facts.ts';
import { gitSpelling, isSameInGit, spelling } from './people.ts';
import { trailersIn } from './trailers.ts';

/** What was said of a change elsewhere, as parts of it: who signed it, or its last commit, speaks of each of them. Undefined where nobody was asked. */
export function endorsementsOf(
  rule: ApprovalRule,
  { reviews, signed }: Elsewhere = {},
  identities: readonly Identity[] = [],
): Endorsements | undefined {
  if (signed === undefined || rule.signed === undefined) return reviews;
  const whole = wholePart(rule.signed, signed, identities);
  if (reviews === undefined) return 'trouble' in whole ? whole : { parts: [whole] };
  if ('trouble' in whole) {
    return 'trouble' in reviews
      ? { trouble: `${reviews.trouble}; ${whole.trouble}` }
      : { parts: reviews.parts.map((part) => ({ ...part, notes: [...(part.notes ?? []), whole.trouble] })) };
  }
  if ('trouble' in reviews) return { parts: [{ ...whole, notes: [reviews.trouble, ...(whole.notes ?? [])] }] };
  if (reviews.parts.length === 0) return { parts: [whole] };
  return { parts: reviews.parts.map((part) => joined(part, whole)) };
}

function joined(part: EndorsedPart, whole: EndorsedPart): EndorsedPart {
  return {
    wanted: `${part.wanted} or ${whole.wanted}`,
    by: [...part.by, ...whole.by],
    notes: [...(part.notes ?? []), ...(whole.notes ?? [])],
  };
}

/** Characters of a commit's id that are told. */
const TOLD_ID = 12;
const LONGEST_VALUE = 100;

function wholePart(
  rule: SignedRule,
  facts: SignedFacts | { trouble: string },
  identities: readonly Identity[],
): EndorsedPart | { trouble: string } {
  if ('trouble' in facts) return facts;
  const { tags, trailer } = rule;
  const commit = `commit ${facts.commit.slice(0, TOLD_ID)}`;
  const kinds = [tags === undefined ? [] : `tag ${tags}`, trailer === undefined ? [] : `trailer ${trailer}`].flat();
  const said = [...taggedBy(facts, commit), ...trailedBy(rule, facts, { commit, identities })];
  const more = facts.left === 0 ? [] : [`${facts.left} more such tags are not looked at`];
  return {
    wanted: `signed ${kinds.join(' or ')} of ${commit}`,
    by: said.flatMap((one) => (typeof one === 'string' ? [] : one)),
    notes: [...said.filter((one) => typeof one === 'string'), ...more],
  };
}

/** Who signed a tag, or why it does not count. */
function taggedBy({ tags, authors }: SignedFacts, commit: string): (Endorsement | string)[] {
  return tags.map(({ name, signed }) => {
    const signer = signerOf(signed);
    const what = `tag ${name}`;
    if ('problem' in signer) return `${what} does not count: ${signer.problem}`;
    return endorsement(signer, `${what} of ${commit}`, authors);
  });
}

/** A trailer counts where it names whoever signed the commit it stands in. */
function trailedBy(
  { trailer }: SignedRule,
  { head, authors }: SignedFacts,
  { commit, identities }: { commit: string; identities: readonly Identity[] },
): (Endorsement | string)[] {
  const values = head === null || trailer === undefined ? [] : trailersIn(head.end, trailer);
  if (head === null || trailer === undefined || values.length === 0) return [];
  const signer = signerOf(head.signed);
  const what = `trailer ${trailer} of ${commit}`;
  if ('problem' in signer) return [`${what} does not count: of the commit, ${signer.problem}`];
  const isOwn = (value: string): boolean =>
    signer.names.some((name) => isSameInGit(gitSpelling(value), spelling(name), identities));
  return values.map((value) => {
    if (isOwn(value)) return endorsement(signer, what, authors);
    const named = oneLine(value).slice(0, LONGEST_VALUE);
    return `${what} does not count: it names ${named}, and ${signer.by} signed the commit`;
  });
}

interface KnownSigner {
  by: string;
  names: readonly string[];
  fingerprint: string;
  at: number;
}

function endorsement(
  { by, names, fingerprint, at }: KnownSigner,
  what: string,
  authors: readonly ChangeAuthor[],
): Endorsement {
  const evidence = `${what}, signed by ${by} with key ${fingerprint}`;
  const aliases = names.map((name) => `git:${name}`);
  return { by, at, evidence, aliases, isOwnTime: true, authors };
}

/** The one person whose key it is. */
function signerOf(signed: SignedAs): KnownSigner | { problem: string } {
  if ('problem' in signed) return signed;
  const { fingerprint, holders, at } = signed;
  const key = `its key ${fingerprint}`;
  const names = holders.flat();
  const [name] = names;
  if (name === undefined || holders.some((own) => own.length === 0))
    return { problem: `${key} stands there without a name` };
  const pattern = names.find((one) => /[*?!]/.test(one) || spelling(one) === '');
  if (pattern !== undefined) return { problem: `${key} is given to '${oneLine(pattern)}', which names no one person` };
  const people = new Set(holders.map(([first = '']) => spelling(first)));
  if (people.size > 1) return { problem: `${key} is given to each of ${[...people].map(oneLine).join(' and ')}` };
  return { by: `git:${oneLine(name)}`, names, fingerprint, at };
}
