import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Repository } from '../testing/repository.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { CatFile } from './cat-file.ts';
import { gitEnvironment } from './environment.ts';
import { gitProcessesStarted } from './run.ts';

let root: string;
let repository: Repository;
let cat: CatFile;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'plumb-cat-'));
  repository = new Repository(root, 'r.git');
  cat = open(30_000);
});
afterEach(async () => {
  await cat.close();
  rmSync(root, { recursive: true, force: true });
});

const open = (idleTimeout: number): CatFile =>
  new CatFile({
    env: gitEnvironment(repository.path, { inherited: {}, limits: DEFAULT_LIMITS }),
    cwd: repository.path,
    idleTimeout,
  });
const blob = (content: string | Buffer): string => repository.git(['hash-object', '-w', '--stdin'], content);

test('a thousand questions at once are answered in order by one process', async () => {
  const commit = repository.commit(
    Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, `content ${n}\n`.repeat(n)])),
  );
  const ids = repository
    .git(['ls-tree', '--format=%(objectname) %(path)', commit])
    .split('\n')
    .map((line) => line.split(' '));
  const started = gitProcessesStarted();
  const sizes = ids.map(([id = '']) => cat.info(id));
  const bodies = await Promise.all(ids.map(([id = '']) => cat.contents(id, 1_000_000)));
  expect(bodies.map((object) => object?.body?.toString())).toEqual(
    ids.map(([, path = '']) => `content ${path.slice(1)}\n`.repeat(Number(path.slice(1)))),
  );
  expect((await Promise.all(sizes)).map((object) => object?.size)).toEqual(bodies.map((object) => object?.size));
  expect(gitProcessesStarted() - started).toBe(1);
});

test('what is missing, empty, binary or too large each has its answer', async () => {
  const bytes = Buffer.from([0, 10, 255, 10, 0]);
  const [binary, empty, large] = [blob(bytes), blob(''), blob('x'.repeat(300_000))];
  const [none, nul, nothing, big, after] = await Promise.all([
    cat.contents('0'.repeat(40), 10),
    cat.contents(binary, 10),
    cat.contents(empty, 10),
    cat.contents(large, 1000),
    cat.contents(binary, 10),
  ]);
  expect(none).toBeNull();
  expect(nul?.body).toEqual(bytes);
  expect(nothing?.body?.length).toBe(0);
  expect(big).toMatchObject({ size: 300_000, body: null });
  expect(after?.body).toEqual(bytes);
});

test('a killed process is replaced and its questions are asked again', async () => {
  const id = blob('y'.repeat(3_000_000));
  await cat.info(id);
  const asked = Promise.all(Array.from({ length: 20 }, () => cat.contents(id, 4_000_000)));
  await delay(1);
  cat.kill();
  expect((await asked).every((object) => object?.body?.length === 3_000_000)).toBe(true);
});

test('a process without work is stopped, and the next question starts another', async () => {
  cat = open(20);
  const id = blob('1');
  await cat.info(id);
  expect(cat.running).toBe(true);
  while (cat.running) await delay(5);
  const started = gitProcessesStarted();
  expect((await cat.info(id))?.size).toBe(1);
  expect(gitProcessesStarted() - started).toBe(1);
});

test('a closed one answers no more', async () => {
  const id = blob('1');
  await cat.info(id);
  await cat.close();
  await expect(cat.info(id)).rejects.toMatchObject({ code: 'cancelled' });
  expect(cat.running).toBe(false);
});
