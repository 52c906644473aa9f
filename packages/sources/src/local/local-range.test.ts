import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { localRange } from './local-range.ts';

let dir: string;
let first: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-range-'));
  git('init', '--quiet', '--initial-branch=main');
  first = commit('Ada', 'First');
  git('checkout', '--quiet', '-b', 'feature');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function git(...args: string[]): string {
  const env = { PATH: process.env['PATH'], HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' };
  return execFileSync('git', args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

function commit(by: string, message: string): string {
  writeFileSync(join(dir, `${message}.txt`), message);
  git('add', '--all');
  const who = ['-c', `user.name=${by}`, '-c', `user.email=${by.toLowerCase()}@example.test`];
  git(...who, 'commit', '--quiet', '--message', message);
  return git('rev-parse', 'HEAD');
}

const people = async (base: string): Promise<string[] | string> => {
  const { authors } = await localRange({ dir, head: 'HEAD', base });
  return 'unknown' in authors ? authors.unknown : authors.authors.map(({ name }) => name);
};

describe('what a branch has that another has not', () => {
  test('is told by its commits alone, also where the other went on', async () => {
    commit('Bob', 'Second');
    const head = commit('Carol', 'Third');
    git('checkout', '--quiet', 'main');
    commit('Mallory', 'Elsewhere');
    git('checkout', '--quiet', 'feature');
    const range = await localRange({ dir, head: 'HEAD', base: 'main' });
    expect(range).toMatchObject({ head, fork: first, isDirty: false });
    expect(range.authors).toMatchObject({ message: 'Third' });
    expect(await people('main')).toEqual(['Carol', 'Bob']);
  });

  test('is all of its history without another', async () => {
    commit('Bob', 'Second');
    expect(await localRange({ dir, head: 'HEAD', base: '' })).toMatchObject({ fork: null });
    expect(await people('')).toEqual(['Bob', 'Ada']);
  });

  test('is found where the other is only at the remote, as in a checkout of a build server', async () => {
    commit('Bob', 'Second');
    git('update-ref', 'refs/remotes/origin/main', first);
    git('branch', '--quiet', '-D', 'main');
    expect(await people('main')).toEqual(['Bob']);
  });

  test('is told beside files that are no commit yet', async () => {
    writeFileSync(join(dir, 'more.txt'), 'more');
    expect(await localRange({ dir, head: 'HEAD', base: 'main' })).toMatchObject({ isDirty: true });
  });

  test.each([
    ['a revision that is not there', 'nowhere', /has no revision 'nowhere': fetch it first/],
    ['what looks like an option', '--all', /has no revision '--all'/],
  ])('is refused for %s', async (_what, base, message) => {
    await expect(localRange({ dir, head: 'HEAD', base })).rejects.toThrow(message);
  });

  test('is refused where both have nothing in common', async () => {
    git('checkout', '--quiet', '--orphan', 'other');
    commit('Eve', 'Alone');
    await expect(localRange({ dir, head: 'HEAD', base: 'main' })).rejects.toThrow(/have in common/);
  });
});
