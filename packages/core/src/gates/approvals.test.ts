import type { ApprovalRule } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { judgeApprovals, overrideOf } from './approvals.ts';
import type { ApprovalInput } from './counting.ts';
import type { ApprovalFacts } from './facts.ts';
import { parseIdentity } from './people.ts';
import { approval, change, knownAuthors, NOW } from './testing/facts.ts';

const IDENTITIES = [
  parseIdentity('user: alice\nuser: alice-admin\ngit: alice@example.com'),
  parseIdentity('user: bob\ngit: bob@example.com'),
  parseIdentity('user: carol\ngit: carol@example.com'),
];
const NAME = 'ConfigMap shop/people';

function given(approvals: ApprovalFacts[], parts: Partial<ApprovalInput> = {}): ApprovalInput {
  const known = { identities: IDENTITIES, identitiesName: NAME };
  return { change: change(), approvals, now: NOW, clockTrouble: null, ...known, ...parts };
}
const rule = (parts: Partial<ApprovalRule> = {}): ApprovalRule => ({ name: 'r', count: 1, ...parts });
const judge = (parts: Partial<ApprovalRule>, approvals: ApprovalFacts[], more: Partial<ApprovalInput> = {}) =>
  judgeApprovals(rule(parts), given(approvals, more));

const [bob, carol] = [approval('b', 'bob'), approval('c', 'carol')];
const waits = (message: string): object => ({ verdict: 'Missing', message }) satisfies object;

describe('how many, and by whom', () => {
  test.each<[string, Partial<ApprovalRule>, ApprovalFacts[], string | null]>([
    ['nobody yet', {}, [], '1 approval by anybody'],
    ['nobody yet of two', { count: 2, groups: ['sre'] }, [], '2 approvals by group sre'],
    ['one of one', {}, [bob], null],
    ['one of two', { count: 2 }, [bob], '1 more approval by anybody'],
    ['two of two', { count: 2 }, [bob, carol], null],
    ['more than enough', { count: 1 }, [bob, carol], null],
    ['one of three', { count: 3 }, [bob], '2 more approvals by anybody'],
    ['of the group', { groups: ['sre'] }, [bob], null],
    ['not of the group', { groups: ['dba'] }, [bob], '1 approval by group dba'],
    ['the user', { users: ['bob'] }, [bob], null],
    ['another user', { users: ['carol'] }, [bob], '1 approval by user carol'],
    ['a user whose name only looks the same', { users: ['bob'] }, [approval('x', 'Bob')], '1 approval by user bob'],
    ['a user or a group', { users: ['dave'], groups: ['sre'] }, [bob], null],
    ['one person twice', { count: 2 }, [bob, approval('b2', 'bob')], '1 more approval by anybody'],
    ['in other letters', { count: 2 }, [bob, approval('b2', 'BOB')], '1 more approval by anybody'],
    [
      'from two accounts of theirs',
      { count: 2 },
      [approval('a', 'alice'), approval('a2', 'alice-admin')],
      '1 more approval by anybody',
    ],
    ['a rejection', {}, [approval('x', 'bob', { decision: 'Reject' })], '1 approval by anybody'],
    ['an override', {}, [approval('x', 'bob', { override: 'fire' })], '1 approval by anybody'],
    [
      'an override beside',
      { count: 2 },
      [bob, approval('x', 'carol', { override: 'fire' })],
      '1 more approval by anybody',
    ],
  ])('%s', (_what, parts, approvals, message) => {
    expect(judge(parts, approvals)).toMatchObject(message === null ? { verdict: 'Met' } : waits(message));
  });

  test('evidence names who counted, each once', () => {
    const at = new Date(bob.at).toISOString();
    expect(judge({ count: 2 }, [bob, approval('b2', 'bob'), carol]).evidence).toEqual([
      `Approval/b by bob at ${at}`,
      `Approval/c by carol at ${at}`,
    ]);
    expect(judge({ count: 2 }, [bob]).evidence).toEqual([`Approval/b by bob at ${at}`]);
  });

  test('which accounts are of one person is missed only where it matters', () => {
    const unread = { identities: null };
    expect(judge({ count: 2 }, [bob, carol], unread)).toMatchObject(
      waits(`the identities of accounts: ${NAME} cannot be read`),
    );
    expect(judge({ count: 1 }, [bob], unread).verdict).toBe('Met');
    expect(judge({ count: 2 }, [bob], unread)).toMatchObject(waits('1 more approval by anybody'));
    expect(judge({ count: 2 }, [bob, carol], { identities: null, identitiesName: null }).verdict).toBe('Met');
  });
});

describe('an approval lasts', () => {
  const aged = (age: number): ApprovalFacts[] => [approval('b', 'bob', { at: NOW - age })];
  test.each([
    ['just below its time', 3_599_999, true],
    ['not at the end of it', 3_600_000, false],
    ['not after it', 3_600_001, false],
    ['from now on', 0, true],
    ['though the time that we know is a little old', -60_000, true],
    ['not when it is still to come: a clock was set back', -60_001, false],
  ])('%s', (_what, age, counts) => {
    expect(judge({ expiry: '1h' }, aged(age)).verdict).toBe(counts ? 'Met' : 'Missing');
  });

  test('for ever where no time is set', () => {
    expect(judge({}, aged(10 * 365 * 86_400_000)).verdict).toBe('Met');
    expect(judge({}, aged(-86_400_000)).verdict).toBe('Met');
  });

  test('and who waits is told that one counts no more', () => {
    expect(judge({ expiry: '1h', groups: ['sre'] }, aged(7_200_000))).toMatchObject(
      waits('1 more approval by group sre (one is older than 1h0m0s and no longer counts)'),
    );
  });

  test('nobody knows how long while the clock cannot be believed', () => {
    const clock = { clockTrouble: 'far apart' };
    expect(judge({ expiry: '1h' }, aged(1), clock)).toMatchObject(
      waits('a trusted clock, to tell how old approvals are: far apart'),
    );
    expect(judge({ expiry: '1h' }, [], clock)).toMatchObject(waits('1 approval by anybody'));
    expect(judge({}, aged(1), clock).verdict).toBe('Met');
  });
});

describe('where an author must not approve', () => {
  const NOT = { notAuthor: true };
  test.each(['alice', 'ALICE', 'ａｌｉｃｅ', 'al\u200bice', ' alice ', 'alice-admin', 'alice-\u00adAdmin\u200b'])(
    'neither does %j',
    (by) => {
      const one = approval('a', by);
      expect(judge(NOT, [one]).verdict).toBe('Missing');
      expect(judge({ ...NOT, count: 2 }, [one, bob]).verdict).toBe('Missing');
      expect(judge({ ...NOT, count: 2 }, [one, bob, carol]).verdict).toBe('Met');
    },
  );

  test('somebody else does, and who waits is told why another does not', () => {
    expect(judge(NOT, [bob]).verdict).toBe('Met');
    expect(judge({ ...NOT, groups: ['sre'] }, [approval('a', 'alice')])).toMatchObject(
      waits('1 more approval by group sre (that of an author does not count)'),
    );
  });

  test('neither author nor committer do', () => {
    const authors = [
      { name: 'x', email: 'alice@example.com' },
      { name: 'y', email: 'bob@example.com' },
    ];
    const more = { change: change({ authors: knownAuthors(authors) }) };
    expect(judge(NOT, [approval('a', 'alice'), bob], more).verdict).toBe('Missing');
    expect(judge(NOT, [carol], more).verdict).toBe('Met');
  });

  const stranger = { name: 'Mallory', email: 'mallory@example.com' };
  test.each<[string, Partial<ApprovalInput>, string]>([
    [
      'who the authors are',
      { change: change({ authors: { unknown: 'the remote is away' } }) },
      'the authors of this revision to be known: the remote is away',
    ],
    ['a single author', { change: change({ authors: knownAuthors([]) }) }, 'the authors of this revision to be known'],
    [
      'where it is told who they are here',
      { identities: null, identitiesName: null },
      'the users that the authors are in the cluster: the policy names no identitiesRef',
    ],
    [
      'what is told of it',
      { identities: null },
      `the users that the authors are in the cluster: ${NAME} cannot be read`,
    ],
    [
      'anybody of that address',
      { change: change({ authors: knownAuthors([stranger]) }) },
      `a user of the cluster for Mallory <mallory@example.com>: ${NAME} names none`,
    ],
    [
      'one of several',
      { change: change({ authors: knownAuthors([{ name: 'a', email: 'alice@example.com' }, stranger]) }) },
      `a user of the cluster for Mallory <mallory@example.com>: ${NAME} names none`,
    ],
    [
      'which user an author is',
      { identities: [parseIdentity('usr: alice\ngit: alice@example.com')] },
      `a user of the cluster for Alice Liddell <alice@example.com>: ${NAME} names none`,
    ],
  ])('nothing counts while nobody knows %s', (_what, more, message) => {
    expect(judge(NOT, [bob, carol], more)).toEqual({ verdict: 'Missing', message, evidence: [] });
    expect(judge({}, [bob], more).verdict).toBe('Met');
  });
});

describe('the glass is broken', () => {
  const GLASS = { groups: ['sre'], expiry: '1h' };
  const override = (parts: Partial<ApprovalFacts> = {}): ApprovalFacts =>
    approval('o', 'bob', { override: 'fire', ...parts });

  test('by one of those who may, in time', () => {
    expect(overrideOf(GLASS, given([carol, override()]))).toEqual({ approval: override(), isInTime: true });
    expect(overrideOf({ users: ['bob'], expiry: '1h' }, given([override()]))).not.toBeNull();
  });

  test('perhaps, while the clock cannot be believed', () => {
    expect(overrideOf(GLASS, given([override()], { clockTrouble: 'far apart' }))?.isInTime).toBe(false);
  });

  test.each<[string, Parameters<typeof overrideOf>[0], ApprovalFacts]>([
    ['where nobody may', undefined, override()],
    ['where nobody is named', { expiry: '1h' }, override()],
    ['where lists are empty', { users: [], groups: [], expiry: '1h' }, override()],
    ['by somebody else', GLASS, override({ groups: ['shop'] })],
    ['by a mere approval', GLASS, bob],
    ['by a rejection', GLASS, override({ decision: 'Reject' })],
    ['at the end of its time', GLASS, override({ at: NOW - 3_600_000 })],
    ['by one that is still to come', GLASS, override({ at: NOW + 60_001 })],
  ])('not %s', (_what, glass, one) => {
    expect(overrideOf(glass, given([one]))).toBeNull();
  });
});
