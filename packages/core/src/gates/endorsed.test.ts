import type { ApprovalRule, PolicyWindow } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { judgeApprovals } from './approvals.ts';
import type { ApprovalInput } from './counting.ts';
import type { ApprovalFacts, Endorsement, Endorsements, Requirement } from './facts.ts';
import { parseIdentity } from './people.ts';
import { approval, change, input, knownAuthors, lockdown, NOW, policy } from './testing/facts.ts';
import { HOUR, verdicts, waits } from './testing/verdicts.ts';

const IDENTITIES = [
  parseIdentity('user: alice\ngit: alice@example.com\ngithub: Alice-L'),
  parseIdentity('user: bob\ngit: bob@example.com\ngithub: bob\ngithub: bob-at-work'),
  parseIdentity('git: eve@example.com\ngithub: eve'),
  parseIdentity('user: carol\nusr: misspelt\ngithub: carol'),
  parseIdentity('usr: dave\ngithub: dave'),
];
const NAME = 'ConfigMap shop/people';
const bob = approval('b', 'bob');

function review(login: string, pull = 12, at = NOW - HOUR): Endorsement {
  const by = `github:${login}`;
  return { by, at, evidence: `review by ${by} of pull request ${pull}` };
}
const part = (by: readonly Endorsement[], pull = 12): { wanted: string; by: readonly Endorsement[] } => {
  return { wanted: `review of pull request ${pull}`, by };
};
const said = (...by: Endorsement[]): Endorsements => ({ parts: [part(by)] });

function judge(
  rule: Partial<ApprovalRule>,
  elsewhere: Endorsements | undefined,
  approvals: readonly ApprovalFacts[] = [],
  more: Partial<ApprovalInput> = {},
) {
  const known = { identities: IDENTITIES, identitiesName: NAME, clockTrouble: null };
  const given = { change: change(), approvals, now: NOW, ...known, ...more };
  return judgeApprovals({ name: 'r', count: 1, ...rule }, given, elsewhere);
}
/** What is waited for; null where nothing is. */
const missingIn = ({ verdict, message }: Pick<Requirement, 'verdict' | 'message'>): string | null => {
  return verdict === 'Met' ? null : message;
};
const untold = (login: string): string => {
  return `(that of github:${login} does not count: ${NAME} does not tell who that is, by a line "github: ${login}")`;
};

describe('reviews count beside approvals', () => {
  test.each<[string, Partial<ApprovalRule>, Endorsements | undefined, ApprovalFacts[], string | null]>([
    ['where the rule asks nobody elsewhere', {}, undefined, [], '1 approval by anybody'],
    ['where nobody reviewed', {}, said(), [], '1 approval by anybody, or 1 review of pull request 12'],
    ['where somebody did', {}, said(review('mallory')), [], null],
    ['where somebody approved in the cluster', {}, said(), [bob], null],
    ['where reviews cannot be had, and somebody approved', {}, { trouble: 'it is away' }, [bob], null],
    [
      'where reviews cannot be had',
      {},
      { trouble: 'it is away' },
      [],
      '1 approval by anybody, or approvals given elsewhere: it is away',
    ],
    ['where there is nothing to review', {}, { parts: [] }, [], '1 approval by anybody'],
    ['one of two', { count: 2 }, said(review('bob')), [], '2 approvals by anybody, or 1 review of pull request 12'],
    ['two of two', { count: 2 }, said(review('bob'), review('alice-l')), [], null],
    ['one here and one there', { count: 2 }, said(review('alice-l')), [bob], null],
    [
      'one person here and there',
      { count: 2 },
      said(review('bob')),
      [bob],
      '1 more approval by anybody, or 1 review of pull request 12',
    ],
    [
      'one person with two logins',
      { count: 2 },
      said(review('bob'), review('BOB-at-work')),
      [],
      '2 approvals by anybody, or 1 review of pull request 12',
    ],
    [
      'somebody nobody knows, where two are needed: it may be one person',
      { count: 2 },
      said(review('bob'), review('mallory')),
      [],
      `2 approvals by anybody, or 1 review of pull request 12 ${untold('mallory')}`,
    ],
    [
      'somebody whose user is misspelt',
      { count: 2 },
      said(review('bob'), review('dave')),
      [],
      `2 approvals by anybody, or 1 review of pull request 12 ${untold('dave')}`,
    ],
    ['somebody with a user and a line that says nothing', { count: 2 }, said(review('bob'), review('carol')), [], null],
    [
      'where a group is named, of whoever the rule names beside',
      { groups: ['sre'] },
      said(review('mallory')),
      [],
      null,
    ],
  ])('%s', (...[, rule, elsewhere, approvals, message]) => {
    expect(missingIn(judge(rule, elsewhere, approvals))).toBe(message);
  });

  test('what they were met by is told', () => {
    const { evidence } = judge({ count: 2 }, said(review('alice-l')), [bob]);
    expect(evidence).toEqual([
      'Approval/b by bob at 2026-11-03T11:59:00.000Z',
      'review by github:alice-l of pull request 12 at 2026-11-03T11:00:00.000Z',
    ]);
  });
});

describe('every part has to be reviewed', () => {
  const parts = (...all: (readonly Endorsement[])[]): Endorsements => ({
    parts: all.map((by, index) => part(by, index + 1)),
  });
  test.each<[string, Partial<ApprovalRule>, Endorsements, ApprovalFacts[], string | null]>([
    ['each by somebody', {}, parts([review('bob')], [review('eve')]), [], null],
    ['one by nobody', {}, parts([review('bob')], []), [], '1 approval by anybody, or 1 review of pull request 2'],
    ['one by nobody, but all of it approved', {}, parts([review('bob')], []), [bob], null],
    [
      'each by another one of two',
      { count: 2 },
      parts([review('bob')], [review('eve')]),
      [],
      '2 approvals by anybody, or 1 review of pull request 1 and 1 review of pull request 2',
    ],
    [
      'each by another one, and all of it by a third',
      { count: 2 },
      parts([review('alice-l')], [review('eve')]),
      [bob],
      null,
    ],
    [
      'many by nobody',
      {},
      parts([], [], [], [], []),
      [],
      '1 approval by anybody, or 1 review of pull request 1 and 1 review of pull request 2 and 1 review of pull request 3 and 2 more like it',
    ],
  ])('%s', (...[, rule, elsewhere, approvals, message]) => {
    expect(missingIn(judge(rule, elsewhere, approvals))).toBe(message);
  });
});

describe('an author does not review', () => {
  const author = (email: string): Partial<ApprovalInput> => {
    return { change: change({ authors: knownAuthors([{ name: 'x', email }]) }) };
  };
  test.each<[string, string, string, string | null]>([
    ['somebody else', 'alice@example.com', 'bob', null],
    ['the author', 'bob@example.com', 'bob', '(that of github:bob does not count: an author)'],
    ['in other letters', 'bob@example.com', 'ＢＯＢ', '(that of github:ＢＯＢ does not count: an author)'],
    ['by another login', 'bob@example.com', 'bob-at-work', '(that of github:bob-at-work does not count: an author)'],
    ['without a user', 'eve@example.com', 'eve', '(that of github:eve does not count: an author)'],
    ['somebody nobody knows', 'alice@example.com', 'mallory', untold('mallory')],
  ])('%s', (_what, email, login, why) => {
    const verdict = judge({ notAuthor: true }, said(review(login)), [], author(email));
    const wanted = why === null ? null : `1 approval by anybody, or 1 review of pull request 12 ${why}`;
    expect(missingIn(verdict)).toBe(wanted);
  });

  test('without a mapping nobody can be told from an author', () => {
    const nobody = { identities: null, identitiesName: null };
    expect(judge({ notAuthor: true }, said(review('bob')), [], nobody).verdict).toBe('Missing');
    const why =
      '(that of github:bob does not count: no ConfigMap is named by identitiesRef that tells who that is, by a line "github: bob")';
    expect(judge({ count: 2 }, said(review('bob')), [], nobody).message).toContain(why);
  });

  test('where authors cannot be told nobody is let through', () => {
    const unknown = { change: change({ authors: { unknown: 'no answer' } }) };
    expect(judge({ notAuthor: true }, said(review('bob')), [], unknown).verdict).toBe('Missing');
  });
});

test('a review is as old as an approval may be', () => {
  const old = judge({ expiry: '30m' }, said(review('bob')));
  expect(old.message).toBe(
    '1 approval by anybody, or 1 review of pull request 12 (that of github:bob is older than 30m0s and no longer counts)',
  );
  expect(judge({ expiry: '2h' }, said(review('bob'))).verdict).toBe('Met');
  const trouble = { clockTrouble: 'they are apart' };
  expect(judge({ expiry: '2h' }, said(review('bob')), [], trouble).verdict).toBe('Missing');
});

describe('reviews count for the rule that asks for them, and nothing else', () => {
  const reviewed = {
    endorsements: (_policy: string, rule: string) =>
      rule === 'approvals/one' ? { reviews: said(review('bob')) } : undefined,
  };
  const one = { name: 'one', count: 1 };

  test('not for another rule', () => {
    const policies = [policy('p', { approvals: [one, { name: 'two', count: 1 }] })];
    expect(verdicts({ ...reviewed, policies })).toEqual([
      'held',
      { 'approvals/one': 'Met', 'approvals/two': 'Missing' },
    ]);
  });

  test('not for limits, nor for those who may pass in a window', () => {
    const window = {
      type: 'Allow',
      timeZone: 'UTC',
      cron: '0 12 * * 2',
      duration: '6h',
      who: { users: ['bob'] },
    } satisfies PolicyWindow;
    const policies = [policy('p', { approvals: [one], limits: { maxDeletes: 0 }, windows: [window] })];
    const objects = [{ ...change().objects[0], action: 'delete' }] as never;
    const [state, rules] = verdicts({ ...reviewed, policies, change: change({ objects }) });
    expect(state).toBe('held');
    expect(rules).toEqual({ 'approvals/one': 'Met', 'limits/0': 'Missing', 'windows/who': 'Missing' });
  });

  test('for a lockdown only where its own rule asks for them', () => {
    const lockdowns = [lockdown('l', { approvals: [one] })];
    expect(verdicts({ ...reviewed, lockdowns })[0]).toBe('open');
    expect(verdicts({ ...reviewed, lockdowns: [lockdown('l', { approvals: [{ ...one, name: 'two' }] })] })[0]).toBe(
      'held',
    );
  });

  test('where approvals cannot be believed, reviews still can', () => {
    const policies = [policy('p', { approvals: [one] })];
    expect(verdicts({ ...reviewed, policies, distrust: 'no admission' })[0]).toBe('open');
    expect(
      waits({ ...input(), policies, distrust: 'no admission', endorsements: () => ({ reviews: said() }) }),
    ).toContain('1 review of');
  });
});
