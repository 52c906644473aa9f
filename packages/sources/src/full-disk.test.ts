import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskWay, onSmallDisk } from '@plumb/testkit/small-disk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLab, type Lab } from './testing/lab.ts';

const PROGRAM = join(import.meta.dirname, 'testing', 'full-disk-process.ts');
const NEXT = 'free space or inodes on the disk of the data directory';

const way = diskWay();

let lab: Lab;
let folder: string;
beforeAll(async () => {
  lab = await openLab();
  lab.repository.commit({ 'a.yaml': '1' });
  lab.repository.commit({ 'big.bin': randomBytes(100_000).toString('hex') }, { ref: 'refs/heads/big' });
  folder = mkdtempSync(join(tmpdir(), 'plumb-disk-'));
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function failing(what: string): Promise<{ message: string; code: string }> {
  const program = [PROGRAM, what, way, folder, `${lab.server.url}/shop.git`];
  const stdout = await onSmallDisk(way, folder, program);
  const told = JSON.parse(stdout) as { message: string; code: string };
  expect(told.message).not.toContain(folder);
  rmSync(join(folder, 'plumb'), { recursive: true, force: true });
  return told;
}

const CLONE = /^failed to checkout and determine revision: unable to clone 'http:\/\/127.0.0.1:\d+\/shop.git': /;

test('a full disk: an artifact that cannot be written is told with what to do', async () => {
  const { message, code } = await failing('publish');
  expect(code).toBe('storage-failed');
  expect(message).toBe(
    way === 'disk'
      ? `writing the artifact failed: ENOSPC: no space left on device: ${NEXT}`
      : "writing the artifact failed: EFBIG: file too large: the agent's disk or limits are too small",
  );
});

test('a full disk: what cannot be fetched is told with what to do', async () => {
  const { message, code } = await failing('fetch');
  expect(code).toBe('storage-failed');
  expect(message).toMatch(CLONE);
  expect(message.endsWith(way === 'disk' ? `: No space left on device: ${NEXT}` : 'limits are too small')).toBe(true);
});

test('a disk without inodes is told with what to do, and without a path', async () => {
  const { message, code } = await failing('inodes');
  expect(code).toBe('storage-failed');
  const said = `preparing the fetch failed: ENOSPC: no space left on device: ${NEXT}`;
  expect(way === 'disk' ? message === said : CLONE.test(message), message).toBe(true);
});
