import type { ApprovalRule } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { judgeApprovals } from './approvals.ts';
import type { ApprovalInput } from './counting.ts';
import type { ApprovalFacts, Authorship } from './facts.ts';
import { parseIdentity } from './people.ts';

const RULE: ApprovalRule = { name: 'one', count: 1, notAuthor: true };
const IDENTITIES = [
  'user: alice\ngit: Alice Liddell <alice@example.test>\ngit: alice@home.test',
  'user: bob\ngit: bob@example.test',
  'git: noreply@forge.test',
].map(parseIdentity);

const by = (...emails: string[]): Authorship => {
  return { authors: emails.map((email) => ({ name: 'Somebody', email })), message: '', verified: false };
};

function judged(authors: Authorship, approvers: readonly string[], over: Partial<ApprovalInput> = {}): string {
  const approvals = approvers.map((user, at): ApprovalFacts => {
    return {
      name: `a${at}`,
      by: user,
      groups: [],
      decision: 'Approve',
      digest: 'd',
      override: null,
      at: 0,
      vouched: true,
    };
  });
  const change = { authors } as ApprovalInput['change'];
  const among = {
    change,
    approvals,
    identities: IDENTITIES,
    identitiesName: 'ConfigMap shop/people',
    now: 0,
    clockTrouble: null,
    ...over,
  };
  const { verdict, message } = judgeApprovals(RULE, among);
  return verdict === 'Met' ? 'Met' : message;
}

const OWN = '1 more approval by anybody (that of an author does not count)';

describe('where authors may not approve', () => {
  test.each([
    ['as the mapping has it', 'alice@example.test', 'alice'],
    ['by another address of theirs', 'alice@home.test', 'alice'],
    ['with the address in capitals', 'ALICE@Example.Test', 'alice'],
    ['with the user in capitals', 'alice@example.test', 'ALICE'],
    ['with letters of another width', 'ａｌｉｃｅ@example.test', 'alice'],
    ['with what cannot be seen', 'al\u200bice@exa\u00admple.test', 'al\u2060ice'],
    ['with spaces around', '  alice@example.test ', ' alice'],
  ])('an author does not count %s', (_how, email, user) => {
    expect(judged(by(email), [user])).toBe(OWN);
  });

  test('each of several authors is one', () => {
    const both = by('alice@example.test', 'bob@example.test');
    expect(judged(both, ['alice', 'bob'])).toBe(OWN);
    expect(judged(both, ['alice', 'carol'])).toBe('Met');
  });

  test('whoever bears the name of somebody else is not told from them', () => {
    const posing: Authorship = {
      authors: [{ name: 'alice@example.test', email: 'bob@example.test' }],
      message: '',
      verified: false,
    };
    expect(judged(posing, ['alice'])).toBe(OWN);
    expect(judged(posing, ['bob'])).toBe(OWN);
  });

  test('who is nobody in the cluster keeps nobody from approving', () => {
    expect(judged(by('noreply@forge.test'), ['alice'])).toBe('Met');
  });

  test('it is waited for word of who an author is whom nobody knows, or who has no address', () => {
    const why = 'a user of the cluster for Somebody <eve@example.test>: ConfigMap shop/people names none';
    expect(judged(by('alice@example.test', 'eve@example.test'), ['carol'])).toBe(why);
    expect(judged(by(''), ['carol'])).toBe('a user of the cluster for Somebody <>: ConfigMap shop/people names none');
  });

  test('it is waited for word of who the authors are, and told why nobody knows', () => {
    expect(judged({ unknown: 'the remote is away' }, ['carol'])).toBe(
      'the authors of this revision to be known: the remote is away',
    );
    expect(judged(by('alice@example.test'), ['carol'], { identities: null })).toBe(
      'the users that the authors are in the cluster: ConfigMap shop/people cannot be read',
    );
  });
});
