import type { ApprovalRule, SignedRule } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { judgeApprovals } from './approvals.ts';
import type { ApprovalInput } from './counting.ts';
import type { ApprovalFacts, Elsewhere, SignedAs, SignedFacts } from './facts.ts';
import { parseIdentity } from './people.ts';
import { endorsementsOf } from './signed.ts';
import { approval, change, knownAuthors, lockdown, NOW } from './testing/facts.ts';
import { HOUR, verdicts } from './testing/verdicts.ts';

const ALICE = { name: 'Alice Liddell', email: 'alice@example.com' };
const IDENTITIES = [
  parseIdentity('user: alice\ngit: alice@example.com\ngit: alice@home.example'),
  parseIdentity('user: bob\ngit: Bob <bob@example.com>\ngit: bob\ngithub: bob'),
  parseIdentity('git: eve@example.com\ngit: eve'),
];
const NAME = 'ConfigMap shop/people';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const OF = 'commit 0123456789ab';
const RULE: SignedRule = { signersRef: { name: 'signers' }, tags: 'approved/*', trailer: 'Approved-by' };
const WANTED = `1 signed tag approved/* or trailer Approved-by of ${OF}`;

const by = (name: string, at = NOW - HOUR): SignedAs => ({ fingerprint: `SHA256:${name}`, holders: [[name]], at });
const tag = (signed: SignedAs, name = 'approved/1') => ({ name, signed });
const trailer = (value: string, signed: SignedAs) => ({ end: `Merge\n\nApproved-by: ${value}\n`, signed });
const facts = (more: Partial<SignedFacts>): SignedFacts => {
  return { commit: COMMIT, tags: [], left: 0, head: null, authors: [ALICE], ...more };
};
const tagged = (...all: SignedAs[]): SignedFacts => facts({ tags: all.map((one) => tag(one)) });

interface Circumstances extends Partial<ApprovalInput> {
  rule?: Partial<ApprovalRule>;
}

/** What is waited for; null where nothing is. */
function waits(elsewhere: Elsewhere, { rule, ...more }: Circumstances = {}): string | null {
  const whole: ApprovalRule = { name: 'r', count: 1, signed: RULE, ...rule };
  const known = { identities: IDENTITIES, identitiesName: NAME, clockTrouble: null };
  const given = { change: change(), approvals: [], now: NOW, ...known, ...more };
  const told = judgeApprovals(whole, given, endorsementsOf(whole, elsewhere, given.identities ?? []));
  return told.verdict === 'Met' ? null : told.message;
}
const NOBODY = '1 approval by anybody, or ';
const noted = (...notes: string[]): string => `${NOBODY}${WANTED} (${notes.join('; ')})`;

describe('what is signed counts as an approval of all of the change', () => {
  const strict = { rule: { notAuthor: true } };
  const two = { rule: { count: 2 } };
  const bob: ApprovalFacts = approval('b', 'bob');
  test.each<[string, SignedFacts, Circumstances, string | null]>([
    ['where nothing is', facts({}), {}, `${NOBODY}${WANTED}`],
    ['a tag by somebody of the list', tagged(by('mallory@example.com')), {}, null],
    [
      'a tag by nobody of the list',
      tagged({ problem: 'no matching key' }),
      {},
      noted('tag approved/1 does not count: no matching key'),
    ],
    ['one of several', tagged({ problem: 'no matching key' }, by('bob')), {}, null],
    ['tags that are too many', facts({ left: 7 }), {}, noted('7 more such tags are not looked at')],
    [
      'a key without a name',
      tagged({ fingerprint: 'K', holders: [[]], at: NOW }),
      {},
      noted('tag approved/1 does not count: its key K stands there without a name'),
    ],
    [
      'a key of whoever fits a pattern',
      tagged({ fingerprint: 'K', holders: [['*@example.com']], at: NOW }),
      {},
      noted("tag approved/1 does not count: its key K is given to '*@example.com', which names no one person"),
    ],
    [
      'a key of two people',
      tagged({ fingerprint: 'K', holders: [['bob'], ['alice']], at: NOW }),
      {},
      noted('tag approved/1 does not count: its key K is given to each of bob and alice'),
    ],
    ['a key that stands there twice for one person', tagged({ ...by('bob'), holders: [['bob'], ['BOB']] }), {}, null],
    ['a trailer with who signed the commit', facts({ head: trailer('bob', by('bob')) }), {}, null],
    ['with their address', facts({ head: trailer('Bob <BOB@example.com>', by('bob@example.com')) }), {}, null],
    ['with another name of the same person', facts({ head: trailer('Bob <bob@example.com>', by('bob')) }), {}, null],
    [
      'with the name of somebody else before the address of who signed',
      facts({ head: trailer('Alice <bob@example.com>', by('bob')) }),
      {},
      null,
    ],
    [
      'a trailer with somebody else than who signed',
      facts({ head: trailer('Carol <carol@example.com>', by('bob')) }),
      {},
      noted(
        `trailer Approved-by of ${OF} does not count: it names Carol <carol@example.com>, and git:bob signed the commit`,
      ),
    ],
    [
      'a trailer without a signature',
      facts({ head: trailer('bob', { problem: 'it is not signed' }) }),
      {},
      noted(`trailer Approved-by of ${OF} does not count: of the commit, it is not signed`),
    ],
    [
      'another trailer',
      facts({ head: { end: 'Merge\n\nReviewed-by: bob', signed: by('bob') } }),
      {},
      `${NOBODY}${WANTED}`,
    ],
    ['a tag by an author', tagged(by('alice@example.com')), {}, null],
    [
      'a tag by an author, where none may',
      tagged(by('alice@example.com')),
      strict,
      noted('that of git:alice@example.com does not count: an author'),
    ],
    [
      'under another address of theirs',
      tagged(by('ALICE@home.example')),
      strict,
      noted('that of git:ALICE@home.example does not count: an author'),
    ],
    [
      'by an author whose key has another name first',
      tagged({ ...by('bob'), holders: [['bob', 'alice@home.example']] }),
      strict,
      noted('that of git:bob does not count: an author'),
    ],
    [
      'by an author who is nobody in the cluster',
      facts({ tags: [tag(by('eve'))], authors: [{ name: 'E', email: 'eve@example.com' }] }),
      strict,
      noted('that of git:eve does not count: an author'),
    ],
    [
      'by whoever an author calls themselves',
      facts({ tags: [tag(by('bob'))], authors: [{ name: 'bob', email: 'alice@example.com' }] }),
      strict,
      noted('that of git:bob does not count: an author'),
    ],
    ['by somebody else', tagged(by('bob')), strict, null],
    ['by who put it together only', facts({ head: trailer('bob', by('bob')), authors: [ALICE] }), strict, null],
    [
      'by somebody nobody knows, where no author may',
      tagged(by('mallory@example.com')),
      strict,
      noted(
        `that of git:mallory@example.com does not count: ${NAME} does not tell who that is, by a line "git: mallory@example.com"`,
      ),
    ],
    [
      'two tags by one person, where two are needed',
      tagged(by('bob'), by('bob@example.com')),
      two,
      `2 approvals by anybody, or ${WANTED}`,
    ],
    [
      'two by one person who is nobody in the cluster',
      tagged(by('eve'), by('eve@example.com')),
      two,
      `2 approvals by anybody, or ${WANTED}`,
    ],
    [
      'two by one person by the names of their keys',
      tagged(by('bob'), { ...by('eve'), holders: [['eve', 'bob@example.com']] }),
      two,
      `2 approvals by anybody, or ${WANTED}`,
    ],
    ['two by two', tagged(by('bob'), by('eve')), two, null],
    [
      'one beside an approval by the same person',
      tagged(by('bob@example.com')),
      { ...two, approvals: [bob] },
      `1 more approval by anybody, or ${WANTED}`,
    ],
    ['one beside an approval by somebody else', tagged(by('eve')), { ...two, approvals: [bob] }, null],
    [
      'one that is too old',
      tagged(by('bob', NOW - 3 * HOUR)),
      { rule: { expiry: '2h' } },
      noted('that of git:bob is older than 2h0m0s and no longer counts'),
    ],
    ['one that is a little ahead', tagged(by('bob', NOW + 30_000)), {}, null],
    [
      'one that is dated ahead',
      tagged(by('bob', NOW + HOUR)),
      {},
      noted('that of git:bob is dated 2026-11-03T13:00:00.000Z, which is yet to come'),
    ],
    [
      'one while no clock can be believed',
      tagged(by('bob')),
      { clockTrouble: 'they are apart' },
      noted('that of git:bob counts once the clock is trusted: they are apart'),
    ],
    [
      'one where groups are named: whoever is on the list may',
      tagged(by('mallory')),
      { rule: { groups: ['sre'] } },
      null,
    ],
  ])('%s', (_what, signed, circumstances, missing) => {
    const { change: about = change({ authors: knownAuthors(signed.authors) }), ...more } = circumstances;
    expect(waits({ signed }, { ...more, change: about })).toBe(missing);
  });

  test('but is found out of nothing that failed', () => {
    const trouble = { trouble: 'the remote is away' };
    expect(waits({ signed: trouble })).toBe(`${NOBODY}approvals given elsewhere: the remote is away`);
    expect(waits({ signed: trouble }, { approvals: [approval('b', 'bob')] })).toBeNull();
  });

  test('and names the tag, the signer and the key as evidence', () => {
    const rule: ApprovalRule = { name: 'r', count: 1, signed: RULE };
    const both = facts({ tags: [tag(by('bob'))], head: trailer('eve', by('eve')) });
    const told = endorsementsOf(rule, { signed: both }, IDENTITIES);
    expect(told).toMatchObject({
      parts: [
        {
          by: [
            { by: 'git:bob', evidence: `tag approved/1 of ${OF}, signed by git:bob with key SHA256:bob` },
            { by: 'git:eve', evidence: `trailer Approved-by of ${OF}, signed by git:eve with key SHA256:eve` },
          ],
        },
      ],
    });
  });
});

describe('beside reviews', () => {
  const review = (pull: number, ...names: string[]) => {
    return { wanted: `review of ${pull}`, by: names.map((one) => ({ by: one, at: NOW, evidence: `by ${one}` })) };
  };
  const parts = { parts: [review(1, 'github:bob'), review(2)] };
  const trouble = { trouble: 'the forge is away' };
  test.each<[string, Elsewhere, string | null]>([
    ['a part that nobody reviewed may be signed', { reviews: parts, signed: tagged(by('bob')) }, null],
    [
      'and waits for either where it is not',
      { reviews: parts, signed: facts({}) },
      `${NOBODY}1 review of 2 or ${WANTED.slice(2)}`,
    ],
    ['a forge that is away takes nothing from what is signed', { reviews: trouble, signed: tagged(by('bob')) }, null],
    ['and is told', { reviews: trouble, signed: facts({}) }, noted('the forge is away')],
    [
      'a remote that is away takes nothing from reviews',
      { reviews: { parts: [review(1, 'github:bob')] }, signed: { trouble: 'the remote is away' } },
      null,
    ],
    [
      'and is told with what they lack',
      { reviews: parts, signed: { trouble: 'the remote is away' } },
      `${NOBODY}1 review of 2 (the remote is away)`,
    ],
    [
      'where neither can be had',
      { reviews: trouble, signed: { trouble: 'the remote is away' } },
      `${NOBODY}approvals given elsewhere: the forge is away; the remote is away`,
    ],
    ['where there is nothing to review', { reviews: { parts: [] }, signed: tagged(by('bob')) }, null],
    ['what nobody asked for does not count', { reviews: { parts: [review(1)] } }, `${NOBODY}1 review of 1`],
  ])('%s', (_what, elsewhere, missing) => {
    expect(waits(elsewhere)).toBe(missing);
  });
});

test('what was signed, or reviewed, before a lockdown does not meet it', () => {
  const lockdowns = [lockdown('l', { approvals: [{ name: 'one', count: 1, signed: RULE }] })];
  const state = (at: number): string =>
    verdicts({ lockdowns, endorsements: () => ({ signed: tagged(by('bob', at)) }) })[0];
  expect(state(NOW - 2 * HOUR)).toBe('held');
  expect(state(NOW)).toBe('open');
  const reviewed = (at: number): string => {
    const reviews = { parts: [{ wanted: 'review', by: [{ by: 'github:bob', at, evidence: 'review' }] }] };
    return verdicts({ lockdowns, endorsements: () => ({ reviews }) })[0];
  };
  expect(reviewed(NOW - 2 * HOUR)).toBe('held');
  expect(reviewed(NOW)).toBe('open');
});
