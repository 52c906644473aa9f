import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLab, SHOP, type Lab } from '../testing/lab.ts';

let lab: Lab;
let clock = 1_700_000_000;

beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab[Symbol.asyncDispose]());

/** A commit with these files in the folder apps, that main is then set to. @returns its id */
function commit(by: string, files: Record<string, string>, ...parents: string[]): string {
  clock += 1;
  const { repository } = lab;
  const blobs = Object.entries(files).map(([name, text]) => {
    return `100644 blob ${repository.git(['hash-object', '-w', '--stdin'], text)}\t${name}\n`;
  });
  const apps = repository.git(['mktree'], blobs.join(''));
  const tree = repository.git(['mktree'], `040000 tree ${apps}\tapps\n`);
  const person = `${by} <${by}@example.test> ${clock} +0000`;
  const lines = [`tree ${tree}`, ...parents.map((parent) => `parent ${parent}`), `author ${person}`];
  const text = [...lines, `committer ${person}`, '', 'change'].join('\n');
  const id = repository.git(['hash-object', '-t', 'commit', '-w', '--stdin'], text);
  repository.git(['update-ref', 'refs/heads/main', id]);
  return id;
}

async function told(head: string, since: string, ...paths: string[]): Promise<readonly string[] | string> {
  await lab.publish();
  const range = { revision: `main@sha1:${head}`, since: `main@sha1:${since}`, paths };
  const found = await lab.sources.authors(SHOP, range, () => Promise.resolve(lab.request()));
  return 'unknown' in found ? found.unknown : found.authors.map(({ name }) => name).sort();
}

test('all whose work stands at a path that is read anew are authors, however long ago they wrote it', async () => {
  const first = commit('ada', { a: '1' });
  const evil = commit('alice', { a: '1', evil: '1' }, first);
  const formatted = commit('carol', { a: '1', evil: '1\n' }, evil);
  const other = commit('dan', { a: '2', evil: '1\n' }, formatted);
  const head = commit('bob', { a: '3', evil: '1\n' }, other);
  expect(await told(head, other)).toEqual(['bob']);
  expect(await told(head, other, 'apps/evil')).toEqual(['alice', 'bob', 'carol']);
  expect(await told(head, other, 'apps')).toEqual(['ada', 'alice', 'bob', 'carol', 'dan']);
  expect(await told(head, other, 'apps/a/not-a-folder')).toEqual(['bob']);
});

test('what was there, went, and came again is of who brought it back', async () => {
  const first = commit('ada', { evil: '1' });
  const gone = commit('dan', { a: '1' }, first);
  const again = commit('alice', { a: '1', evil: '1' }, gone);
  const other = commit('carol', { a: '2', evil: '1' }, again);
  const head = commit('bob', { a: '3', evil: '1' }, other);
  expect(await told(head, other, 'apps/evil')).toEqual(['alice', 'bob']);
});

test('a merge is followed to the side that it has it from', async () => {
  const first = commit('ada', { a: '1' });
  const side = commit('alice', { a: '1', evil: '1' }, first);
  const main = commit('carol', { a: '2' }, first);
  const merge = commit('dan', { a: '2', evil: '1' }, main, side);
  const head = commit('bob', { a: '3', evil: '1' }, merge);
  expect(await told(head, merge, 'apps/evil')).toEqual(['alice', 'bob']);
});

test('it is found out of a server that leaves files out', async () => {
  lab.repository.git(['config', 'uploadpack.allowFilter', 'true']);
  const first = commit('ada', { a: '1' });
  const evil = commit('alice', { a: '1', evil: 'x'.repeat(5_000) }, first);
  const other = commit('carol', { a: '2', evil: 'x'.repeat(5_000) }, evil);
  const head = commit('bob', { a: '3', evil: 'x'.repeat(5_000) }, other);
  expect(await told(head, other, 'apps/evil')).toEqual(['alice', 'bob']);
});

test('what is moved to another name is of who moved it', async () => {
  const first = commit('ada', { a: '1', evil: '1' });
  const moved = commit('bob', { a: '1', other: '1' }, first);
  expect(await told(moved, first, 'apps/other')).toEqual(['bob']);
});

test('the message is that of the revision, also where its commit had a hand in what is read anew', async () => {
  const first = commit('ada', { a: '1' });
  const head = commit('bob', { a: '2' }, first);
  await lab.publish();
  const range = { revision: `main@sha1:${head}`, since: `main@sha1:${first}`, paths: ['apps/a'] };
  const found = await lab.sources.authors(SHOP, range, () => Promise.resolve(lab.request()));
  expect(found).toMatchObject({ message: 'change' });
});
