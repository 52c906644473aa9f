import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UnitRef } from '@plumb/api';
import { startGitServer } from '@plumb/sandbox';
import type { GitRequest, GitSources } from '@plumb/sources';
import { createGitSources } from '@plumb/sources';
import { ownPeak, resetOwnPeak } from '@plumb/testkit';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GitMemory } from './support/git-memory.ts';
import type { Bomb } from './support/pack-bomb.ts';
import { packBomb, servePack } from './support/pack-bomb.ts';

const MIB = 1024 * 1024;
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
const WHO = 'Ada <ada@example.test> 1700000000 +0000';

let dir: string;
let server: Awaited<ReturnType<typeof startGitServer>>;
let sources: GitSources;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-hostile-'));
  server = await startGitServer({ dir: join(dir, 'git') });
  sources = createGitSources({ dir: join(dir, 'plumb'), limits: { totalBytes: 64 * MIB, fileBytes: 32 * MIB } });
  await repository('neighbour', [blob('a.yaml', '1')]);
  await publish('neighbour');
});
afterAll(async () => {
  await sources.close();
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** One command of git-fast-import. */
function blob(path: string | Buffer, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  const line = [Buffer.from('M 100644 inline '), Buffer.from(path), Buffer.from(`\ndata ${body.length}\n`)];
  return Buffer.concat([...line, body, Buffer.from('\n')]);
}

async function repository(name: string, changes: readonly Buffer[]): Promise<void> {
  const url = await server.create(name);
  const path = join(dir, 'git', new URL(url).pathname);
  const head = Buffer.from(`commit refs/heads/main\nauthor ${WHO}\ncommitter ${WHO}\ndata 1\nx\n`);
  const input = Buffer.concat([head, ...changes]);
  execFileSync('git', ['--git-dir', path, 'fast-import', '--quiet'], { env: ENV, input });
}

const refOf = (name: string): UnitRef => ({ kind: 'GitRepository', namespace: 'hostile', name });

async function publish(name: string, more: { url?: string; timeout?: number } = {}): Promise<void> {
  const { url = await server.create(name), timeout = PATIENCE } = more;
  const request: GitRequest = { url, ref: { branch: 'main' }, auth: {}, timeout };
  await sources.publish(refOf(name), await sources.resolve(refOf(name), request));
}

interface Watched {
  error: Error | null;
  /** Milliseconds. */
  took: number;
  /** Longest wait of a neighbour that was asked for again and again meanwhile, in milliseconds. */
  neighbour: number;
  /** Bytes by which this process grew at most. */
  memory: number;
  /** Bytes that its git processes held at most, together. */
  gitMemory: number;
}

/** Does something with a repository while a neighbour goes on. */
async function under(work: () => Promise<void>): Promise<Watched> {
  const started = performance.now();
  const before = resetOwnPeak();
  const git = new GitMemory(join(dir, 'plumb'));
  const watched: Watched = { error: null, took: 0, neighbour: 0, memory: 0, gitMemory: 0 };
  let running = true;
  const beside = (async () => {
    while (running) {
      await delay(200);
      const asked = performance.now();
      await publish('neighbour');
      watched.neighbour = Math.max(watched.neighbour, performance.now() - asked);
      git.look();
    }
  })();
  try {
    await work();
  } catch (error) {
    watched.error = error as Error;
  }
  running = false;
  watched.took = performance.now() - started;
  await beside;
  watched.memory = ownPeak() - before;
  watched.gitMemory = git.peak;
  return watched;
}

const FILES = 100_000;
/** A machine that has other things to do is slow, and still must come to an end. */
const PATIENCE = 150_000;
const DEEP = Array.from({ length: 200 }, (_, level) => `d${level}`).join('/');
const ZEROS = Buffer.alloc(20 * MIB);

test.each<{ what: string; name: string; changes: () => Buffer[]; words: RegExp }>([
  {
    what: 'a hundred thousand files',
    name: 'many',
    changes: () => Array.from({ length: FILES }, (_, n) => blob(`f${n % 500}/${n}.yaml`, `n: ${n}\n`)),
    words: /^published$/,
  },
  {
    what: 'two hundred levels of folders',
    name: 'deep',
    changes: () => [blob(`${DEEP}/a.yaml`, '1')],
    words: /^published$/,
  },
  {
    what: 'names that are not UTF-8, and with line breaks',
    name: 'names',
    changes: () => [blob(Buffer.from([0x61, 0xff, 0xfe]), '1'), blob('"a\\nb\\tc.yaml"', '1'), blob('ok.yaml', '1')],
    words: /^published$/,
  },
  {
    what: 'a small pack of many large files',
    name: 'pack-bomb',
    changes: () => Array.from({ length: 8 }, (_, n) => blob(`zeros-${n}.bin`, Buffer.concat([ZEROS, Buffer.of(n)]))),
    words:
      /^the repository is beyond a limit: the files have \d+ bytes, more than 67108864; exclude some in .sourceignore/,
  },
  {
    what: 'a small pack of one huge file',
    name: 'blob-bomb',
    changes: () => [blob('zeros.bin', Buffer.alloc(256 * MIB))],
    words: /^the repository is beyond a limit: file 'zeros.bin' has 268435456 bytes, more than 33554432; exclude it/,
  },
])(
  '$what: bounded time and memory, and a neighbour that goes on',
  { timeout: PATIENCE },
  async ({ name, changes, words }) => {
    await repository(name, changes());
    const { error, took, neighbour, memory, gitMemory } = await under(() => publish(name));
    expect(error?.message ?? 'published').toMatch(words);
    expect(took).toBeLessThan(PATIENCE / 2);
    expect(neighbour).toBeLessThan(PATIENCE / 4);
    expect(memory).toBeLessThan(600 * MIB);
    expect(gitMemory).toBeLessThan(600 * MIB);
    expect(bytesBelow(join(dir, 'plumb/mirrors/gitrepository/hostile', name))).toBeLessThan(64 * MIB);
  },
);

/** What becomes of git's own memory: it must put together each object it gets. */
const FETCH_TIMEOUT = 5_000;

test.each<{ what: string; name: string; bomb: Bomb; timeout: number; words: RegExp }>([
  {
    what: 'one object that is enormous once it is put together is refused',
    name: 'delta-bomb',
    bomb: { objects: 1, each: 20 * 1024 * MIB },
    timeout: PATIENCE,
    words: /: the repository is beyond a limit: it holds an object of 21474836481 bytes, more than 268435456; split /,
  },
  {
    what: 'a terabyte in objects that are just small enough is given up in time',
    name: 'delta-flood',
    bomb: { objects: 5_000, each: 200 * MIB },
    timeout: FETCH_TIMEOUT,
    words: /: context deadline exceeded after 5s$/,
  },
])(
  'a pack made by hand, $what: bounded disk, memory and time, and a neighbour that goes on',
  { timeout: PATIENCE },
  async ({ name, bomb, timeout, words }) => {
    const made = packBomb(bomb);
    expect(made.pack.length).toBeLessThan(MIB);
    const host = await servePack(made);
    const { error, took, neighbour, memory, gitMemory } = await under(() => publish(name, { url: host.url, timeout }));
    await host.close();
    expect(error?.message).toMatch(words);
    expect(took).toBeLessThan(PATIENCE / 2);
    expect(neighbour).toBeLessThan(PATIENCE / 4);
    expect(memory).toBeLessThan(300 * MIB);
    expect(gitMemory).toBeLessThan(600 * MIB);
    expect(bytesBelow(join(dir, 'plumb/mirrors/gitrepository/hostile', name))).toBeLessThan(MIB);
  },
);

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
