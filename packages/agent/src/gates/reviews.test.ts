import type { ReviewRule } from '@plumb/api';
import type { Endorsements } from '@plumb/core';
import type { RangeCommit } from '@plumb/sources';
import { FakeClock, ForgeServer, MemoryCluster, type ForgeModel, type ToldPull, type ToldReview } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Reviews, type SourceCommits } from './reviews.ts';

const PROVIDERS = ['GitHub', 'GitLab', 'Gitea', 'Bitbucket'] as const;
type Provider = (typeof PROVIDERS)[number];

const TOKEN = 'f0rge-t0ken';
const TEAM = ['alice', 'bob', 'carol'];

/** An id that is as long as one of Git. */
const id = (name: string): string => Buffer.from(name).toString('hex').padEnd(40, '0');
const commit = (name: string, parents: string[], tree = `t-${name}`): RangeCommit => {
  return { id: id(name), tree: id(tree), parents: parents.map(id), people: [] };
};
const time = (hour: number): string => `2026-11-02T${String(hour).padStart(2, '0')}:00:00Z`;
const said = (by: string, of: string, hour: number, what: ToldReview['what'] = 'approve'): ToldReview => {
  return { by, of: id(of), at: time(hour), what };
};

/** Pull request 12 of dan, with the commits one and head, merged as `merge`. */
function pull(reviews: ToldReview[], parts: Partial<ToldPull> = {}): ToldPull {
  const heads = [
    { id: id('one'), at: time(1) },
    { id: id('head'), at: time(3) },
  ];
  const base = { number: 12, author: 'dan', state: 'merged', commits: [id('one'), id('head')] } as const;
  return { ...base, commits: [...base.commits], heads, landed: id('merge'), reviews, ...parts };
}

const HEAD = [commit('head', ['one']), commit('one', ['before'])];
const MERGED = [commit('merge', ['before', 'head'], 't-head'), ...HEAD];

const cluster = new MemoryCluster();
let clock: FakeClock;
let reviews: Reviews;
let server: ForgeServer;

beforeEach(async () => {
  clock = new FakeClock();
  reviews = new Reviews({ cluster, clock });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }).catch(() => undefined);
  const data = { token: btoa(`${TOKEN}\n`) };
  const metadata = { name: 'forge', namespace: 'shop' };
  await cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata, data }).catch(() => undefined);
});
afterEach(async () => {
  reviews.done();
  await server.close();
});

async function start(provider: Provider, pulls: ToldPull[], more: Partial<ForgeModel> = {}): Promise<void> {
  const trees = Object.fromEntries([...MERGED].map(({ id: of, tree }) => [of, tree]));
  server = await ForgeServer.start(provider, {
    repository: 'shop/apps',
    token: TOKEN,
    pulls,
    writers: TEAM,
    ...more,
    trees: { ...trees, ...more.trees },
  });
}

const ruleOf = (provider: Provider, more: Partial<ReviewRule> = {}): ReviewRule => ({
  provider,
  url: server.url,
  secretRef: { name: 'forge', namespace: 'shop' },
  ...(provider === 'Bitbucket' && { reviewers: TEAM }),
  ...more,
});

let asked = 0;
function ask(
  rule: ReviewRule,
  range: readonly RangeCommit[] | SourceCommits,
  more: { id?: string; onLate?: () => void; namespace?: string } = {},
): Promise<Endorsements> {
  const known: SourceCommits =
    'length' in range ? { commits: range, isNew: true, url: 'https://forge.example.test/shop/apps.git' } : range;
  const commits = (): Promise<SourceCommits> => Promise.resolve(known);
  return reviews.ask({ rule, namespace: '', id: `${(asked += 1)}`, commits, onLate: () => undefined, ...more });
}

/** Who reviewed each part; or why nobody knows. */
function told(answer: Endorsements): Record<string, string[]> | string {
  if ('trouble' in answer) return answer.trouble;
  return Object.fromEntries(answer.parts.map(({ wanted, by }) => [wanted, by.map((one) => one.by)]));
}

const PULL = 'review of pull request 12 of shop/apps';
const short = (name: string): string => id(name).slice(0, 12);
const direct = (name: string): string => `review of commit ${short(name)}, which came with no merged pull request`;
const otherwise = (name: string): string =>
  `review of commit ${short(name)}, merged with pull request 12, but not as that was reviewed (bring its branch up to date before it is merged)`;

describe.each(PROVIDERS)('%s', (provider) => {
  const by = (...logins: string[]): string[] => logins.map((login) => `${provider.toLowerCase()}:${login}`);

  test.each<[string, ToldReview[], string[]]>([
    ['by one', [said('alice', 'head', 4)], ['alice']],
    ['by two', [said('alice', 'head', 4), said('bob', 'head', 5)], ['alice', 'bob']],
    ['of a commit before the last', [said('alice', 'one', 2)], []],
    ['again, of the last', [said('alice', 'one', 2), said('alice', 'head', 4)], ['alice']],
    ['that was dismissed', [said('alice', 'head', 4, 'dismissed')], []],
    ['that was taken back', [said('alice', 'head', 4), said('alice', 'head', 5, 'reject')], []],
    ['that came at last', [said('alice', 'head', 4, 'reject'), said('alice', 'head', 5)], ['alice']],
    ['with a comment after it', [said('alice', 'head', 4), said('alice', 'head', 5, 'comment')], ['alice']],
    ['that is a comment', [said('alice', 'head', 4, 'comment')], []],
    ['by who opened it', [said('dan', 'head', 4)], []],
    ['by who opened it, in other letters', [said('DAN', 'head', 4)], []],
    ['by somebody who is nobody there', [said('mallory', 'head', 4)], []],
    [
      'that was taken back on a later page',
      [
        said('alice', 'head', 4),
        ...['bob', 'carol', 'bob', 'carol'].map((who, hour) => said(who, 'head', 5 + hour, 'comment')),
        said('alice', 'head', 12, 'reject'),
      ],
      [],
    ],
  ])('a review counts: %s', async (_what, given, counting) => {
    await start(provider, [pull(given)], { writers: [...TEAM, 'dan', 'DAN'] });
    const reviewers = provider === 'Bitbucket' ? { reviewers: [...TEAM, 'dan', 'DAN'] } : {};
    const answer = told(await ask(ruleOf(provider, reviewers), MERGED));
    expect(typeof answer === 'string' ? answer : answer[PULL]?.toSorted()).toEqual(by(...counting));
    expect(Object.keys(answer)).toEqual([PULL]);
  });

  test('what says so is told', async () => {
    await start(provider, [pull([said('alice', 'head', 4)])]);
    const answer = await ask(ruleOf(provider), MERGED);
    const [alice] = by('alice');
    const evidence = `review by ${alice} of pull request 12 of shop/apps`;
    expect('parts' in answer && answer.parts[0]?.by).toEqual([{ by: alice, at: Date.parse(time(4)), evidence }]);
  });

  test('only of those who are named, where some are', async () => {
    await start(provider, [pull([said('alice', 'head', 4), said('bob', 'head', 5)])], { writers: ['alice'] });
    expect(told(await ask(ruleOf(provider, { reviewers: ['Bob'] }), MERGED))).toEqual({ [PULL]: by('bob') });
  });

  const approved = [said('alice', 'head', 4)];
  const plain = pull(approved, { landed: null });
  const squashed = pull(approved, { landed: id('squash') });
  const squash = commit('squash', ['before'], 't-head');
  test.each<[string, ToldPull, RangeCommit[], Record<string, string[]>]>([
    ['merged', pull(approved), MERGED, { [PULL]: ['alice'] }],
    ['fast forward', plain, HEAD, { [PULL]: ['alice'] }],
    ['squashed, to the same files', squashed, [squash], { [PULL]: ['alice'] }],
    ['squashed, to other files', squashed, [commit('squash', ['before'])], { [otherwise('squash')]: [] }],
    [
      'squashed, upon a commit of nobody',
      squashed,
      [commit('squash', ['push'], 't-head'), commit('push', ['before'])],
      { [PULL]: ['alice'], [direct('push')]: [] },
    ],
    [
      'with a commit of nobody on top',
      pull(approved),
      [commit('push', ['merge']), ...MERGED],
      { [direct('push')]: [], [PULL]: ['alice'] },
    ],
    [
      'with a commit of nobody before',
      pull(approved),
      [
        commit('merge', ['push', 'head'], 't-head'),
        commit('head', ['one']),
        commit('one', ['push']),
        commit('push', ['before']),
      ],
      { [PULL]: ['alice'], [direct('push')]: [] },
    ],
    [
      'with changes that only the merge made',
      pull(approved),
      [commit('merge', ['before', 'head'], 't-evil'), ...HEAD],
      { [otherwise('merge')]: [], [PULL]: ['alice'] },
    ],
    [
      'over what came meanwhile',
      pull(approved),
      [commit('merge', ['push', 'head'], 't-both'), commit('push', ['before']), ...HEAD],
      { [otherwise('merge')]: [], [direct('push')]: [], [PULL]: ['alice'] },
    ],
    [
      'in place of what came meanwhile',
      pull(approved),
      [commit('merge', ['push', 'head'], 't-head'), commit('push', ['before']), ...HEAD],
      { [otherwise('merge')]: [], [direct('push')]: [], [PULL]: ['alice'] },
    ],
    [
      'not yet',
      pull(approved, { state: 'open', landed: null }),
      HEAD,
      { [`review of commits ${short('head')}, ${short('one')}, which came with no merged pull request`]: [] },
    ],
  ])('a pull request counts as it was merged: %s', async (_how, merged, range, parts) => {
    const pulls = merged.state === 'open' ? [] : [merged];
    await start(provider, pulls, { trees: Object.fromEntries(range.map((one) => [one.id, one.tree])) });
    const wanted = Object.fromEntries(Object.entries(parts).map(([what, logins]) => [what, by(...logins)]));
    expect(told(await ask(ruleOf(provider), range))).toEqual(wanted);
  });

  test('each pull request needs a review', async () => {
    const second = pull([], {
      number: 13,
      heads: [{ id: id('more'), at: time(5) }],
      commits: [id('more')],
      landed: null,
    });
    await start(provider, [pull(approved), second]);
    const range = [commit('more', ['merge']), ...MERGED];
    const wanted = { 'review of pull request 13 of shop/apps': [], [PULL]: by('alice') };
    expect(told(await ask(ruleOf(provider), range))).toEqual(wanted);
  });

  test.each<[string, Exclude<ForgeServer['fault'], null | 'hang'>, RegExp]>([
    ['fails', { status: 500 }, /^\S+ answered with HTTP status 500$/],
    ['is asked too often', { status: 429 }, /answered with HTTP status 429: it is asked too often$/],
    [
      'leads elsewhere',
      { status: 301, headers: { location: 'http://127.0.0.1:9/' } },
      /answered with HTTP status 301: it is elsewhere by now, name it by url and repository$/,
    ],
    ['says nothing of sense', { status: 200, body: '<html>' }, /^the answer of \S+ is no JSON$/],
    ['says something else', { status: 200, body: '"soon"' }, /is no list$|^Nobody$/],
    ['knows nothing', { status: 404 }, /knows nothing of \S+: check repository and url/],
  ])('a forge that %s opens nothing', async (_what, fault, why) => {
    await start(provider, [pull(approved)]);
    server.fault = fault;
    const answer = told(await ask(ruleOf(provider), MERGED));
    const reviewers = typeof answer === 'string' ? answer : Object.values(answer).flat().join(', ') || 'Nobody';
    expect(reviewers).toMatch(why);
  });

  test('a token that is wrong is told of, and not told', async () => {
    await start(provider, [pull(approved)], { token: 'another' });
    const { host } = new URL(server.url);
    const why = `${host} answered with HTTP status 401: check the token in Secret shop/forge, and what it may read`;
    expect(told(await ask(ruleOf(provider), MERGED))).toBe(why);
  });
});

describe('an answer', () => {
  const approved = [pull([said('alice', 'head', 4)])];

  test('that is late is not waited for, and tells when it is there', async () => {
    await start('GitHub', approved);
    server.fault = 'hang';
    const late = Promise.withResolvers<void>();
    const rule = ruleOf('GitHub');
    const first = ask(rule, MERGED, { id: 'late', onLate: () => late.resolve() });
    while (server.asked.length === 0) await new Promise((resolve) => void setImmediate(resolve));
    await clock.advance(5_000);
    expect(told(await first)).toBe('GitHub has not answered yet');
    server.wake();
    await late.promise;
    const count = server.asked.length;
    expect(told(await ask(rule, MERGED, { id: 'late' }))).toEqual({ [PULL]: ['github:alice'] });
    expect(server.asked.length).toBe(count);
  });

  test('is shared by all who ask at once, and asked for again after a while', async () => {
    await start('GitHub', [pull([])]);
    const rule = ruleOf('GitHub');
    const both = await Promise.all([ask(rule, MERGED, { id: 'shared' }), ask(rule, MERGED, { id: 'shared' })]);
    expect(both.map(told)).toEqual([{ [PULL]: [] }, { [PULL]: [] }]);
    const count = server.asked.length;
    server.model.pulls = approved;
    expect(told(await ask(rule, MERGED, { id: 'shared' }))).toEqual({ [PULL]: [] });
    expect(server.asked.length).toBe(count);
    await clock.advance(51_000);
    expect(told(await ask(rule, MERGED, { id: 'shared' }))).toEqual({ [PULL]: ['github:alice'] });
  });

  test.each<[string, SourceCommits, string]>([
    ['commits nobody knows', { unknown: 'no answer' }, 'nobody knows which commits it is made of: no answer'],
    [
      'no new commit',
      { commits: MERGED, isNew: false, url: 'https://forge.example.test/shop/apps' },
      'no commit in it is new, or it takes back what was applied, so that no word on one is about what changes',
    ],
    [
      'an address that names no repository',
      { commits: MERGED, isNew: true, url: 'https://forge.example.test/' },
      'the address of its GitRepository, https://forge.example.test/, names no repository: name it by reviews.repository',
    ],
  ])('is none of %s', async (_what, range, why) => {
    await start('GitHub', approved);
    expect(told(await ask(ruleOf('GitHub'), range))).toBe(why);
    expect(server.asked).toEqual([]);
  });

  test.each<[string, Partial<ReviewRule>, string]>([
    ['a Secret that is not there', { secretRef: { name: 'gone', namespace: 'shop' } }, 'Secret shop/gone is not there'],
    [
      'a Secret without a token',
      { secretRef: { name: 'empty', namespace: 'shop' } },
      'Secret shop/empty holds no token',
    ],
    [
      'another repository',
      { repository: 'shop/other' },
      'check repository and url, and what the token in Secret shop/forge may read',
    ],
  ])('is none by %s', async (_what, rule, why) => {
    const metadata = { name: 'empty', namespace: 'shop' };
    await cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata, data: {} }).catch(() => undefined);
    await start('GitHub', approved);
    expect(told(await ask(ruleOf('GitHub', rule), MERGED))).toContain(why);
  });

  test('is none of this machine where a tenant asks', async () => {
    await start('GitHub', approved);
    const answer = told(await ask(ruleOf('GitHub'), MERGED, { namespace: 'shop' }));
    expect(answer).toContain('its address 127.0.0.1 is none that a ReleasePolicy may ask');
    const { port } = new URL(server.url);
    const url = `http://localhost:${port}/api`;
    expect(told(await ask(ruleOf('GitHub', { url }), MERGED, { namespace: 'shop' }))).toContain(
      'is none that a ReleasePolicy may ask',
    );
    expect(server.asked).toEqual([]);
  });

  test('is none of more pull requests than a change may be made of', async () => {
    const names = Array.from({ length: 51 }, (_, index) => `c${index}`);
    const pulls = names.map((name, index) =>
      pull([], { number: index + 1, heads: [{ id: id(name), at: time(1) }], commits: [id(name)], landed: null }),
    );
    await start('GitHub', pulls);
    const range = names.map((name, index) => commit(name, [names[index + 1] ?? 'before']));
    expect(told(await ask(ruleOf('GitHub'), range))).toBe('it is made of more than 50 pull requests');
  });
});
