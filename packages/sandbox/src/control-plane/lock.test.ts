import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { lockDirectory } from './lock.ts';
import { isAlive, markOf, type ProcessMark } from './process.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-lock-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function endedProcess(): Promise<ProcessMark> {
  const child = spawn('true');
  const mark = markOf(child.pid ?? 0);
  await once(child, 'exit');
  return mark;
}

function leave(owner: ProcessMark, children: ProcessMark[]): Promise<void> {
  return writeFile(join(dir, 'lock.json'), JSON.stringify({ owner, children }));
}

describe('lockDirectory', () => {
  test('refuses a folder that a living process holds, naming it', async () => {
    await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toMatchObject({
      code: 'storage-failed',
      message: `the control plane in ${dir} is run by process ${process.pid}: stop that one or choose another folder`,
    });
  });

  test('can be taken again once released', async () => {
    const lock = await lockDirectory(dir);
    await lock.release();
    await expect(lockDirectory(dir)).resolves.toBeDefined();
  });

  test('takes over from a process that is gone', async () => {
    await leave(await endedProcess(), []);
    await lockDirectory(dir);
    expect(JSON.parse(await readFile(join(dir, 'lock.json'), 'utf8'))).toMatchObject({ owner: { pid: process.pid } });
  });

  test('a process that merely got the same id is not the holder', async () => {
    await leave({ pid: process.pid, started: '1' }, []);
    await expect(lockDirectory(dir)).resolves.toBeDefined();
  });

  test('a file cut short when its writer died is no lock', async () => {
    await writeFile(join(dir, 'lock.json'), '{"owner":');
    await expect(lockDirectory(dir)).resolves.toBeDefined();
  });

  test('waits for the children a killed process left', async () => {
    const left = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    const mark = markOf(left.pid ?? 0);
    await leave(await endedProcess(), [mark]);
    const locked = lockDirectory(dir).then(() => isAlive(mark));
    left.stdin.end();
    expect(await locked).toBe(false);
  });
});
