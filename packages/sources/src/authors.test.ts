import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Authors, Commits, GitRequest } from './git-sources.ts';
import { openLab, SHOP, type Lab } from './testing/lab.ts';

let lab: Lab;
let asked: number;

beforeEach(async () => {
  lab = await openLab();
  asked = 0;
});
afterEach(() => lab[Symbol.asyncDispose]());

interface Written {
  by: string;
  committer?: string;
  parents?: readonly string[];
  message?: string;
  ref?: string;
  file?: string;
}

let clock = 1_700_000_000;

/** A commit, byte for byte, that a branch is then set to. @returns its id */
function commit({
  by,
  committer = by,
  parents = [],
  message = 'change\n',
  ref = 'refs/heads/main',
  file = by,
}: Written): string {
  clock += 1;
  const apps = lab.repository.git(['mktree'], `100644 blob ${blob(file)}\ta.yaml\n`);
  const tree = lab.repository.git(['mktree'], `040000 tree ${apps}\tapps\n`);
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${personal(by)} ${clock} +0000`,
    `committer ${personal(committer)} ${clock} +0000`,
    '',
    message,
  ];
  const id = lab.repository.git(['hash-object', '-t', 'commit', '-w', '--stdin'], lines.join('\n'));
  lab.repository.git(['update-ref', ref, id]);
  return id;
}

const personal = (name: string): string => (name.includes('<') ? name : `${name} <${name}@example.test>`);
const blob = (text: string): string => lab.repository.git(['hash-object', '-w', '--stdin'], text);

/** Commits of Ada, one after the other. @returns their ids */
function line(count: number): string[] {
  const ada = 'committer ada <ada@example.test> 1 +0000\ndata 1\n.\n';
  const commits = Array.from({ length: count }, (_, at) => `commit refs/heads/main\nmark :${at + 1}\n${ada}`);
  lab.repository.git(['fast-import', '--quiet', '--force'], commits.join(''));
  return lab.repository.git(['rev-list', '--reverse', 'refs/heads/main']).split('\n');
}

async function fetched(over: Partial<GitRequest> = {}): Promise<void> {
  await lab.sources.publish(SHOP, await lab.sources.resolve(SHOP, lab.request(over)));
}

async function authorsOf(head: string, since: string | null, over: Partial<GitRequest> = {}): Promise<Authors> {
  const range = { revision: `main@sha1:${head}`, since: since === null ? null : `main@sha1:${since}` };
  return lab.sources.authors(SHOP, range, () => {
    asked += 1;
    return Promise.resolve(lab.request(over));
  });
}

function names(told: Authors): string[] | string {
  return 'unknown' in told ? told.unknown : told.authors.map(({ name }) => name).sort();
}

describe('whose work a revision is', () => {
  test('is told by author and committer of its commit, with the message', async () => {
    const first = commit({ by: 'ada' });
    await fetched();
    const message = 'Raise the limit\n\nIt was too low.\tMuch\u001b[31m too low.\n';
    const head = commit({ by: 'alice', committer: 'bob', parents: [first], message });
    await fetched();
    expect(await authorsOf(head, first)).toEqual({
      authors: [
        { name: 'alice', email: 'alice@example.test' },
        { name: 'bob', email: 'bob@example.test' },
      ],
      message: 'Raise the limit\n\nIt was too low. Much\\u{1b}[31m too low.',
    });
    // The commit says itself that what was applied last is all that was before it.
    expect(asked).toBe(0);
  });

  test('is told by every commit since the revision that was applied last, though only the newest was fetched', async () => {
    const first = commit({ by: 'ada' });
    const theirs = commit({ by: 'alice', parents: [first] });
    const head = commit({ by: 'bob', parents: [theirs] });
    await fetched();
    expect(names(await authorsOf(head, first))).toEqual(['alice', 'bob']);
    expect(asked).toBe(1);
    expect(names(await authorsOf(head, first))).toEqual(['alice', 'bob']);
    expect(asked).toBe(1);
    expect(await readdir(join(lab.dir, 'scratch'))).toEqual([]);
  });

  test('is told by all of its history where nothing was applied yet', async () => {
    const first = commit({ by: 'ada' });
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice', parents: [first] })] });
    await fetched();
    expect(names(await authorsOf(head, null))).toEqual(['ada', 'alice', 'bob']);
  });

  test('is told by its own commit alone where it was applied before', async () => {
    const first = commit({ by: 'ada' });
    const head = commit({ by: 'alice', parents: [first] });
    await fetched();
    expect(names(await authorsOf(head, head))).toEqual(['alice']);
  });

  test('counts those whose work is taken back, where a branch goes back or another way', async () => {
    const old = commit({ by: 'alice', parents: [commit({ by: 'ada' })] });
    await fetched();
    const fixed = commit({ by: 'carol', parents: [old] });
    const later = commit({ by: 'bob', parents: [fixed] });
    await fetched();
    lab.repository.git(['update-ref', 'refs/heads/main', old]);
    await fetched();
    expect(names(await authorsOf(old, later))).toEqual(['alice', 'bob', 'carol']);
    const other = commit({ by: 'dan', parents: [old] });
    await fetched();
    expect(names(await authorsOf(other, later))).toEqual(['bob', 'carol', 'dan']);
  });

  test('counts what a merge brought in, also from before the revision that was applied last, and nothing else', async () => {
    const base = commit({ by: 'ada' });
    const side = commit({ by: 'alice', parents: [base], ref: 'refs/heads/side' });
    const since = commit({ by: 'carol', parents: [commit({ by: 'dan', parents: [base] })] });
    const head = commit({ by: 'bob', parents: [since, side] });
    await fetched();
    expect(names(await authorsOf(head, since))).toEqual(['alice', 'bob']);
  });

  test('counts every arm of an octopus', async () => {
    const base = commit({ by: 'ada' });
    const arms = ['alice', 'carol', 'dan'].map((by) => commit({ by, parents: [base], ref: `refs/heads/${by}` }));
    const head = commit({ by: 'bob', parents: [base, ...arms] });
    await fetched();
    expect(names(await authorsOf(head, base))).toEqual(['alice', 'bob', 'carol', 'dan']);
  });

  test('counts what was put in place of the revision that was applied last, and not what both had', async () => {
    const base = commit({ by: 'ada', parents: [commit({ by: 'eve' })] });
    const since = commit({ by: 'carol', parents: [base] });
    await fetched();
    const amended = commit({ by: 'carol', committer: 'alice', parents: [base] });
    const head = commit({ by: 'bob', parents: [amended] });
    await fetched();
    expect(names(await authorsOf(head, since))).toEqual(['alice', 'bob', 'carol']);
  });

  test('counts who is taken back where the remote has lost the revision that was applied last', async () => {
    const base = commit({ by: 'ada' });
    const lost = commit({ by: 'carol', parents: [base] });
    await fetched();
    lab.repository.git(['update-ref', 'refs/heads/main', base]);
    lab.repository.git(['prune', '--expire=now']);
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice', parents: [base] })] });
    await fetched();
    const told = names(await authorsOf(head, lost));
    expect(told).toEqual(expect.arrayContaining(['alice', 'bob', 'carol']));
  });

  test('is not told where nobody has the revision that was applied last', async () => {
    const base = commit({ by: 'ada' });
    const lost = commit({ by: 'carol', parents: [base] });
    lab.repository.git(['update-ref', 'refs/heads/main', base]);
    lab.repository.git(['prune', '--expire=now']);
    const head = commit({ by: 'bob', parents: [base] });
    await fetched();
    const why = `commit ${lost} of its history is not to be had (counted from ${lost}, which was applied last)`;
    expect(names(await authorsOf(head, lost))).toBe(why);
  });

  test('is found out of a server of old, which gives out no commit by its id', async () => {
    lab.server.options.old = true;
    const first = commit({ by: 'ada' });
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice', parents: [first] })] });
    await fetched();
    expect(names(await authorsOf(head, first))).toEqual(['alice', 'bob']);
  });

  test('is found out of hundreds of commits, and of a thousand at most', async () => {
    const ids = line(1_002);
    await fetched();
    const head = ids.at(-1) ?? '';
    expect(names(await authorsOf(head, ids.at(-900) ?? ''))).toEqual(['ada']);
    expect(names(await authorsOf(head, ids[1] ?? ''))).toEqual(['ada']);
    expect(names(await authorsOf(head, ids[0] ?? ''))).toBe(
      `it has more than 1000 commits, counted from ${ids[0] ?? ''}, which was applied last`,
    );
    expect(names(await authorsOf(head, null))).toBe('it has more than 1000 commits, nothing of it was applied yet');
  });

  test('takes no files from a server that can leave them out', async () => {
    lab.repository.git(['config', 'uploadpack.allowFilter', 'true']);
    const first = commit({ by: 'ada', file: randomBytes(200_000).toString('hex') });
    const theirs = commit({ by: 'alice', parents: [first], file: randomBytes(200_000).toString('hex') });
    const head = commit({ by: 'bob', parents: [theirs] });
    const only = { sparse: ['apps'] };
    await fetched({ only });
    lab.server.options.stallAfter = 100_000;
    expect(names(await authorsOf(head, null, { only, timeout: 5_000 }))).toEqual(['ada', 'alice', 'bob']);
    expect((await lab.sources.resolve(SHOP, lab.request({ only }))).commit).toBe(head);
  });

  test('is the same of commits with SHA-256 ids', async () => {
    await lab[Symbol.asyncDispose]();
    lab = await openLab({}, ['--object-format=sha256']);
    const first = commit({ by: 'ada' });
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice', parents: [first] })] });
    const { revision } = await lab.publish();
    expect(revision).toBe(`main@sha256:${head}`);
    const told = await lab.sources.authors(SHOP, { revision, since: `main@sha256:${first}` }, () =>
      Promise.resolve(lab.request()),
    );
    expect(names(told)).toEqual(['alice', 'bob']);
  });
});

describe('is not told', () => {
  test('of a history that the remote itself has cut off', async () => {
    const ids = line(3);
    const whole = lab.repository.path;
    lab.repository.git(['clone', '--bare', '--quiet', '--depth=2', `file://${whole}`, `${whole}.cut`]);
    await fetched();
    const url = `${lab.server.url}/shop.git.cut`;
    const cut = await authorsOf(ids[2] ?? '', null, { url });
    expect(names(cut)).toBe(`commit ${ids[0] ?? ''} of its history is not to be had (nothing of it was applied yet)`);
    expect(names(await authorsOf(ids[2] ?? '', ids[0] ?? '', { url }))).toEqual(['ada']);
  });

  test('when the remote does not answer, and is asked for again later only', async () => {
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice' })] });
    await fetched();
    lab.server.options.hang = true;
    const told = await authorsOf(head, null, { timeout: 300 });
    expect(names(told)).toMatch(/^its history cannot be read: .*context deadline exceeded after 0\.3s$/);
    expect(await authorsOf(head, null)).toEqual(told);
    expect(asked).toBe(1);
  });

  test('when it is not known how to ask the remote', async () => {
    const head = commit({ by: 'bob', parents: [commit({ by: 'alice' })] });
    await fetched();
    const range = { revision: `main@sha1:${head}`, since: null };
    const told = await lab.sources.authors(SHOP, range, () => Promise.reject(new Error('no secret')));
    expect(names(told)).toBe('its history cannot be read: no secret');
  });

  test.each(['latest@sha256:12', 'main/abc', `main@sha1:${'a'.repeat(64)}`, 'v1.0.0'])(
    'of what names no commit: %s',
    async (revision) => {
      const told = await lab.sources.authors(SHOP, { revision, since: null }, () => Promise.resolve(lab.request()));
      expect(names(told)).toBe(`'${revision.slice(0, 100)}' names no commit`);
    },
  );

  test('of a commit that nobody has', async () => {
    commit({ by: 'ada' });
    const nobody = 'f'.repeat(40);
    expect(names(await authorsOf(nobody, null))).toBe(
      `commit ${nobody} of its history is not to be had (nothing of it was applied yet)`,
    );
  });
});

describe('the commits of a revision', () => {
  async function commitsOf(head: string, since: string | null): Promise<Commits> {
    const range = { revision: `main@sha1:${head}`, since: since === null ? null : `main@sha1:${since}` };
    return lab.sources.commits(SHOP, range, () => Promise.resolve(lab.request()));
  }
  /** As author and as committer. */
  const twice = (name: string): object[] => Array.from({ length: 2 }, () => ({ name, email: `${name}@example.test` }));
  const treeOf = (id: string): string => lab.repository.git(['rev-parse', `${id}^{tree}`]);

  test('are told with their trees and parents, as far as they are new', async () => {
    const base = commit({ by: 'ada' });
    const side = commit({ by: 'alice', parents: [base], ref: 'refs/heads/side' });
    const head = commit({ by: 'bob', parents: [base, side] });
    await fetched();
    expect(await commitsOf(head, base)).toEqual({
      isNew: true,
      commits: [
        { id: head, tree: treeOf(head), parents: [base, side], people: twice('bob') },
        { id: side, tree: treeOf(side), parents: [base], people: twice('alice') },
      ],
    });
  });

  test('are not new where they were applied before', async () => {
    const head = commit({ by: 'alice', parents: [commit({ by: 'ada' })] });
    await fetched();
    const later = commit({ by: 'bob', parents: [head] });
    await fetched();
    const told = { id: head, tree: treeOf(head), parents: [expect.any(String)], people: twice('alice') };
    expect(await commitsOf(head, head)).toEqual({ isNew: false, commits: [told] });
    const undone = { id: later, tree: treeOf(later), parents: [head], people: twice('bob') };
    expect(await commitsOf(head, later)).toEqual({ isNew: false, commits: [told, undone] });
    const other = commit({ by: 'dan', parents: [head] });
    await fetched();
    expect(await commitsOf(other, later)).toMatchObject({ isNew: false });
  });

  test('are not told where nobody knows them', async () => {
    await fetched().catch(() => undefined);
    expect(await commitsOf('1'.repeat(40), null)).toEqual({ unknown: expect.stringContaining('1111') });
    expect(
      await lab.sources.commits(SHOP, { revision: '1.2.3', since: null }, () => Promise.reject(new Error('x'))),
    ).toEqual({
      unknown: "'1.2.3' names no commit",
    });
  });
});
