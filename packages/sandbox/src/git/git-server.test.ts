import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { GitServer } from '../types.ts';
import { startGitServer } from './git-server.ts';
import { runGit } from './run-git.ts';

let dir: string;
let server: GitServer;
let pushes: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-git-'));
  pushes = [];
  server = await startGitServer({ dir: join(dir, 'served'), onPush: (name) => pushes.push(name) });
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const AUTHOR = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.org'];

async function commit(work: string, file: string, content: string): Promise<string> {
  await writeFile(join(work, file), content);
  await runGit(work, ['add', '.']);
  await runGit(work, [...AUTHOR, 'commit', '--quiet', '-m', `write ${file}`]);
  return (await runGit(work, ['rev-parse', 'HEAD'])).trim();
}

/** A repository with one commit on main. @returns its clone URL */
async function seeded(name: string): Promise<string> {
  const url = await server.create(name);
  await runGit(dir, ['clone', '--quiet', url, 'one']);
  await commit(join(dir, 'one'), 'a.txt', '1');
  await runGit(join(dir, 'one'), ['push', '--quiet', 'origin', 'HEAD:main']);
  return url;
}

describe('a git server', () => {
  test('takes a push to an empty repository and gives the same commit to a clone', async () => {
    const url = await server.create('shop');
    await runGit(dir, ['clone', '--quiet', url, 'one']);
    const head = await commit(join(dir, 'one'), 'a.txt', 'hello');
    await runGit(join(dir, 'one'), ['push', '--quiet', 'origin', 'HEAD:main']);
    await runGit(dir, ['clone', '--quiet', url, 'two']);
    expect((await runGit(join(dir, 'two'), ['rev-parse', 'HEAD'])).trim()).toBe(head);
    expect(pushes).toEqual(['shop']);
  });

  test('takes a large push, which comes in chunks', async () => {
    const url = await server.create('big');
    await runGit(dir, ['clone', '--quiet', url, 'one']);
    const head = await commit(join(dir, 'one'), 'blob.bin', randomBytes(1_500_000).toString('latin1'));
    await runGit(join(dir, 'one'), ['push', '--quiet', 'origin', 'HEAD:main']);
    expect(await runGit(dir, ['ls-remote', url, 'refs/heads/main'])).toContain(head);
  });

  test('reads a compressed body and speaks protocol 2', async () => {
    const url = await seeded('packed');
    const answer = await fetch(`${url}/git-upload-pack`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-git-upload-pack-request',
        'content-encoding': 'gzip',
        'git-protocol': 'version=2',
      },
      body: gzipSync('0014command=ls-refs\n0000'),
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('refs/heads/main')]);
  });

  test('gives one commit by its id, without the blobs', async () => {
    const url = await server.create('partial');
    await runGit(dir, ['clone', '--quiet', url, 'one']);
    const first = await commit(join(dir, 'one'), 'a.txt', '1');
    await commit(join(dir, 'one'), 'a.txt', '2');
    await runGit(join(dir, 'one'), ['push', '--quiet', 'origin', 'HEAD:main']);
    await runGit(dir, ['init', '--quiet', '--bare', 'mirror']);
    await runGit(join(dir, 'mirror'), ['fetch', '--quiet', '--depth=1', '--filter=blob:none', url, first]);
    expect((await runGit(join(dir, 'mirror'), ['rev-parse', 'FETCH_HEAD'])).trim()).toBe(first);
  });

  test('keeps what a repository of that name holds', async () => {
    const url = await seeded('kept');
    expect(await server.create('kept')).toBe(url);
    expect(await runGit(dir, ['ls-remote', url, 'refs/heads/main'])).toContain('refs/heads/main');
  });

  test.each(['', '..', 'a/b', '.hidden', 'a..b', 'x\ny'])('refuses to create a repository named %j', async (name) => {
    await expect(server.create(name)).rejects.toMatchObject({ code: 'invalid-spec' });
  });

  test.each([
    '/shop.git/config',
    '/shop.git/objects/info/packs',
    '/../shop.git/info/refs',
    '/%2e%2e/shop.git/info/refs',
    '/..%2fshop.git/info/refs',
    '/',
  ])('answers 404 to %s', async (path) => {
    await server.create('shop');
    expect(await statusOf(path)).toBe(404);
  });

  test('answers 404 for a repository that is not there', async () => {
    expect(await statusOf('/none.git/info/refs?service=git-upload-pack')).toBe(404);
  });
});

/** The path goes out as it is written: `fetch` would tidy it. */
function statusOf(path: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { hostname, port } = new URL(server.url);
  const ask = request({ hostname, port, path }, (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  });
  ask.once('error', reject);
  ask.end();
  return promise;
}
