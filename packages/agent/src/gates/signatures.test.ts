import type { SignedRule } from '@plumb/api';
import type { SignedFacts } from '@plumb/core';
import type { RangeCommit, SignedWords } from '@plumb/sources';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import type { SourceCommits } from './reviews.ts';
import { Signatures, type SignaturesOf, type SignaturesQuestion } from './signatures.ts';

const ALICE = { name: 'Alice', email: 'alice@example.test' };
const BOB = { name: 'Bob', email: 'bob@example.test' };
const commit = (id: string, by: typeof ALICE, parents: string[]): RangeCommit => {
  return { id, tree: 'B', parents, people: [by] };
};
const MERGED: SourceCommits = {
  commits: [commit('m', BOB, ['before', 'c']), commit('c', ALICE, ['before'])],
  isNew: true,
  url: 'https://git.example.test/shop.git',
};
const FOUND: SignedWords = { commit: 'm', head: null, tags: [], left: 0 };
const RULE: SignedRule = { signersRef: { name: 'signers', namespace: 'plumb' }, tags: 'approved/*' };

let cluster: MemoryCluster;
let clock: FakeClock;
let signatures: Signatures;
let questions: Parameters<SignaturesOf>[0][];

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  signatures = new Signatures({ cluster, clock });
  questions = [];
  for (const name of ['plumb', 'shop'])
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await holds('signers', { allowed_signers: 'bob ssh-ed25519 AAAA', 'carol.asc': 'armour' });
});

async function holds(name: string, data: Record<string, string>, namespace = 'plumb', kind = 'ConfigMap') {
  await cluster.create({ apiVersion: 'v1', kind, metadata: { name, namespace }, data });
}

function ask(
  rule: Partial<SignedRule> = {},
  more: Partial<SignaturesQuestion> & { range?: SourceCommits; found?: () => Promise<SignedWords> } = {},
): Promise<SignedFacts | { trouble: string }> {
  const { range = MERGED, found = () => Promise.resolve(FOUND), ...given } = more;
  const signed: SignaturesOf = (question) => {
    questions.push(question);
    return found();
  };
  const commits = (): Promise<SourceCommits> => Promise.resolve(range);
  const whole = { rule: { ...RULE, ...rule }, namespace: '', id: 'q', commits, signed, onLate: () => undefined };
  return signatures.ask({ ...whole, ...given });
}

test('what is signed is told with whose work the change is, but for who put it together', async () => {
  expect(await ask()).toEqual({ ...FOUND, authors: [ALICE] });
});

describe('a source is asked', () => {
  test('for the tags and the commit that the rule names, by keys of either kind', async () => {
    await ask();
    await ask({ tags: 'v*', trailer: 'Approved-by' }, { id: 'both' });
    const { tags: _tags, ...none } = RULE;
    await signatures.ask({
      rule: { ...none, trailer: 'Approved-by' },
      namespace: '',
      id: 'trailer',
      commits: () => Promise.resolve(MERGED),
      signed: (question) => Promise.resolve((questions.push(question), FOUND)),
      onLate: () => undefined,
    });
    expect(questions.map(({ isWanted, isHeadWanted }) => [isWanted?.('approved/1'), isHeadWanted])).toEqual([
      [true, false],
      [false, true],
      [undefined, true],
    ]);
    expect(questions[0]).toMatchObject({
      ssh: [{ name: 'allowed_signers', text: 'bob ssh-ed25519 AAAA' }],
      openpgp: [{ name: 'carol.asc', text: 'armour' }],
    });
  });

  test('by a Secret, in its own namespace for a ReleasePolicy, whatever that names', async () => {
    await holds('signers', { a: btoa('eve') }, 'shop', 'Secret');
    await ask({ signersRef: { kind: 'Secret', name: 'signers', namespace: 'plumb' } }, { namespace: 'shop' });
    expect(questions[0]?.ssh).toEqual([{ name: 'a', text: 'eve' }]);
  });

  test('once in half a minute', async () => {
    await Promise.all([ask(), ask()]);
    await ask();
    expect(questions).toHaveLength(1);
    await clock.advance(29_000);
    await ask();
    expect(questions).toHaveLength(1);
    await clock.advance(2_000);
    await ask();
    expect(questions).toHaveLength(2);
  });

  test('and not waited for for long: whoever is late wakes the unit', async () => {
    const late = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<SignedWords>();
    const told = ask({}, { found: () => answer.promise, onLate: () => late.resolve() });
    while (questions.length === 0) await Promise.resolve();
    await clock.advance(5_000);
    expect(await told).toEqual({ trouble: 'what is signed in Git is still being looked for' });
    answer.resolve(FOUND);
    await late.promise;
    expect(await ask()).toEqual({ ...FOUND, authors: [ALICE] });
  });
});

describe('what is signed opens nothing', () => {
  test.each<[string, Partial<SignedRule>, Parameters<typeof ask>[1], string]>([
    ['the list is not there', { signersRef: { name: 'gone', namespace: 'plumb' } }, {}, 'ConfigMap plumb/gone is not'],
    [
      'the list is empty',
      { signersRef: { name: 'empty', namespace: 'plumb' } },
      {},
      'plumb/empty names nobody who may',
    ],
    ['the list is too long', { signersRef: { name: 'long', namespace: 'plumb' } }, {}, 'plumb/long holds more than'],
    [
      'nobody knows the commits',
      {},
      { range: { unknown: 'no answer' } },
      'nobody knows which commits it is made of: no answer',
    ],
    [
      'no commit is new',
      {},
      { range: { ...MERGED, isNew: false } },
      'no commit in it is new, or it takes back what was applied',
    ],
    [
      'tags cannot be fetched',
      {},
      { found: () => Promise.resolve({ unknown: 'it is away' }) },
      'nobody knows what is signed in Git: it is away',
    ],
    ['the source fails', {}, { found: () => Promise.reject(new Error('no disk')) }, 'no disk'],
  ])('where %s', async (_what, rule, more, why) => {
    await holds('empty', { allowed_signers: ' \n' });
    await holds('long', { a: 'x'.repeat(600_000), b: 'x'.repeat(600_000) });
    const told = await ask(rule, more);
    expect('trouble' in told ? told.trouble : '').toContain(why);
  });
});
