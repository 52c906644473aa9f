import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concerned } from './concerned.ts';
import { oncePerPerson } from './counting.ts';
import type { Elsewhere, Endorsement, Identity } from './facts.ts';
import { endorsementsOf } from './signed.ts';
import { isAuthor, isKnownLogin, spelling, usersOf } from './people.ts';
import { approval, knownAuthors } from './testing/facts.ts';
import { SIGNED, signedBy, signedFacts } from './testing/inputs.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const few = (most: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...NAMES, 'git:a', 'git:b'), { maxLength: most });
const identity: fc.Arbitrary<Identity> = fc
  .record({ users: few(2), git: few(2), logins: few(2) })
  .map(({ users, git, logins }) => ({ users, git, logins: logins.map((name) => `github:${name}`) }));
const written = fc.constantFrom(...NAMES.flatMap((name) => [name, name.toUpperCase(), ` ${name}`]));
const account = fc
  .tuple(fc.constantFrom('', 'git:', 'github:', 'GitHub: '), written)
  .map(([form, name]) => form + name);

test('by those who have to do with a change alone everybody is who they are by all', () => {
  const given = fc.record({
    identities: fc.array(identity, { maxLength: 6 }),
    authors: fc.array(fc.record({ name: written, email: written }), { minLength: 1, maxLength: 2 }),
    approvals: fc.array(account, { maxLength: 2 }),
    reviews: fc.array(account, { maxLength: 2 }),
    signers: fc.array(written, { maxLength: 2 }),
    trailers: fc.array(written, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(given, ({ identities, authors, approvals, reviews, signers, trailers }) => {
      const said = approvals.map((by, index) => approval(`a${index}`, by));
      const by = reviews.map((one): Endorsement => ({ by: one, evidence: 'a review', at: 0 }));
      const signed = signedFacts(
        signers.map((name) => signedBy(name)),
        trailers,
      );
      const elsewhere: Elsewhere = { reviews: { parts: [{ wanted: 'review', by }] }, signed };
      const naming = { authors: knownAuthors(authors), approvals: said, elsewhere: [elsewhere] };
      const rule = { name: 'one', count: 1, signed: SIGNED };
      const seenBy = (all: readonly Identity[]): unknown => {
        const endorsements = endorsementsOf(rule, elsewhere, all);
        const endorsed = endorsements !== undefined && 'parts' in endorsements ? endorsements.parts : [];
        const speaking = [...said, ...endorsed.flatMap((part) => part.by)];
        return {
          users: authors.map((one) => usersOf(one, all)?.toSorted()),
          people: oncePerPerson<{ by: string; aliases?: readonly string[] }>(speaking, all),
          own: speaking.map((one) => authors.map((author) => isAuthor(one.by, author, all))),
          known: speaking.map((one) => isKnownLogin(one.by, all)),
          endorsements,
        };
      };
      const kept = concerned(identities, naming);
      expect(seenBy(kept)).toEqual(seenBy(identities));
      expect(identities.filter((one) => kept.includes(one))).toEqual(kept);
    }),
    { numRuns: 2_000 },
  );
});

test('whoever is connected with nobody who is named is left out', () => {
  const one = (users: string[], git: string[]): Identity => ({ users: users.map(spelling), git, logins: [] });
  const chain = [one(['alice'], ['a@example.com']), one(['alice', 'root'], []), one(['Root'], ['b@example.com'])];
  const others = [one(['zoe'], ['z@example.com']), one(['zoe', 'yan'], [])];
  const authors = knownAuthors([{ name: 'Alice', email: 'A@example.com' }]);
  expect(concerned([...others, ...chain], { authors, approvals: [], elsewhere: [] })).toEqual(chain);
});
