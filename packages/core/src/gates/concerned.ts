import { oneLine, type ChangeAuthor } from '@plumb/api';
import type { ApprovalFacts, Authorship, Elsewhere, Endorsement, Identity, SignedAs } from './facts.ts';
import { spelling } from './people.ts';

/** What names people who have to do with a change. */
interface Naming {
  authors: Authorship;
  approvals: readonly ApprovalFacts[];
  elsewhere: readonly Elsewhere[];
}

const IN_GIT = 'git:';

/**
 * Of all who are known, those who have to do with a change: whoever is named, and whoever shares a spelling with one of these, and so on. By these alone nobody is taken for
 * somebody else than by all.
 */
export function concerned(identities: readonly Identity[], naming: Naming): Identity[] {
  const bySpelling = new Map<string, Identity[]>();
  for (const identity of identities) {
    for (const text of spellingsOf(identity)) bySpelling.set(text, [...(bySpelling.get(text) ?? []), identity]);
  }
  const seen = new Set<string>();
  const kept = new Set<Identity>();
  const left = namesIn(naming).flatMap(inGitToo);
  for (let text = left.pop(); text !== undefined; text = left.pop()) {
    if (seen.has(text)) continue;
    seen.add(text);
    const fresh = (bySpelling.get(text) ?? []).filter((identity) => !kept.has(identity));
    for (const identity of fresh) kept.add(identity);
    left.push(...fresh.flatMap(spellingsOf));
  }
  return identities.filter((identity) => kept.has(identity));
}

function spellingsOf({ users, git, logins }: Identity): string[] {
  return [...users, ...logins, ...git].flatMap(inGitToo);
}

/** An account that is a name in Git is found by that as well. */
function inGitToo(account: string): string[] {
  return account.startsWith(IN_GIT) ? [account, account.slice(IN_GIT.length)] : [account];
}

function namesIn({ authors, approvals, elsewhere }: Naming): string[] {
  const own = 'unknown' in authors ? [] : authors.authors;
  return [...own.flatMap(namesOf), ...approvals.map(({ by }) => by), ...elsewhere.flatMap(saying)].map(spelling);
}

function namesOf({ name, email }: ChangeAuthor): string[] {
  return [name, email];
}

function saying({ reviews, signed }: Elsewhere): string[] {
  const endorsed = reviews !== undefined && 'parts' in reviews ? reviews.parts.flatMap(({ by }) => by) : [];
  const names = endorsed.flatMap(endorsing);
  if (signed === undefined || 'trouble' in signed) return names;
  const { tags, head, authors } = signed;
  const signatures = [...tags.map((tag) => tag.signed), ...(head === null ? [] : [head.signed])];
  return [...names, ...authors.flatMap(namesOf), ...signatures.flatMap(signing)];
}

function endorsing({ by, aliases = [], authors = [] }: Endorsement): string[] {
  return [by, ...aliases, ...authors.flatMap(namesOf)];
}

/** Who signs is known by a name in Git, as it is and as it is told. */
function signing(signed: SignedAs): string[] {
  if ('problem' in signed) return [];
  return signed.holders.flat().flatMap((name) => [name, IN_GIT + name, IN_GIT + oneLine(name)]);
}
