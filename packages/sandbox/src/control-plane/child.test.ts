import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Notice } from '../types.ts';
import { type Child, startChild } from './child.ts';
import { isAlive, markOf, waitForEnd } from './process.ts';

let dir: string;
let child: Child | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-child-'));
});

afterEach(async () => {
  await child?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Starts a shell script as the child; `heard` resolves with the first notice of that event. */
async function start(script: string): Promise<{ child: Child; heard: (event: string) => Promise<Notice> }> {
  const command = join(dir, 'part.sh');
  await writeFile(command, `#!/bin/sh\n${script}\n`);
  await chmod(command, 0o755);
  const notices = new Map<string, PromiseWithResolvers<Notice>>();
  const slot = (event: string): PromiseWithResolvers<Notice> => {
    const known = notices.get(event) ?? Promise.withResolvers<Notice>();
    notices.set(event, known);
    return known;
  };
  const started = startChild({
    name: 'part',
    command,
    args: [],
    cwd: dir,
    logFile: join(dir, 'part.log'),
    notify: (notice) => slot(notice.event).resolve(notice),
    onChange: () => undefined,
  });
  child = started;
  return { child: started, heard: (event) => slot(event).promise };
}

const FOREVER = new Promise<void>(() => undefined);
/** Lives until its standard input closes, as a part with `--lifeline` does. */
const LIVES = 'exec cat';

describe('startChild', () => {
  test('a death while starting is an error with how it ended and the end of its log', async () => {
    const { child: part } = await start('for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do echo line $i; done; exit 3');
    const failure = await part.guard(FOREVER).catch((error: Error) => error.message);
    expect(failure).toContain('part stopped while starting (exit code 3)');
    expect(failure).toContain('line 13');
    expect(failure).not.toContain('line 1\n');
  });

  test('a program that is not there is an error naming it', async () => {
    const options = { name: 'part', command: join(dir, 'none'), args: [], cwd: dir, logFile: join(dir, 'part.log') };
    const part = startChild({ ...options, notify: () => undefined, onChange: () => undefined });
    await expect(part.guard(FOREVER)).rejects.toThrow(/none ENOENT/);
  });

  test('what settles in time passes through the guard', async () => {
    const { child: part } = await start(LIVES);
    expect(await part.guard(Promise.resolve('ready'))).toBe('ready');
  });

  test('a supervised child that dies is started again, and both are told', async () => {
    const { child: part, heard } = await start(LIVES);
    part.supervise();
    const first = part.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    expect(await heard('part-stopped')).toMatchObject({ level: 'warn', message: expect.stringContaining('SIGKILL') });
    await heard('part-restarted');
    expect(part.pid()).not.toBe(first);
    expect(isAlive(markOf(part.pid() ?? 0))).toBe(true);
  });

  test('a stopped child stays stopped', async () => {
    const { child: part } = await start(LIVES);
    part.supervise();
    const mark = markOf(part.pid() ?? 0);
    await part.stop();
    expect(part.pid()).toBeUndefined();
    expect(await waitForEnd([mark], 2000)).toEqual([]);
  });

  test('it gets the lifeline flag, and nobody but its owner reads its log', async () => {
    const { child: part, heard } = await start('echo "$1"');
    part.supervise();
    await heard('part-stopped');
    expect(await readFile(join(dir, 'part.log'), 'utf8')).toContain('--lifeline');
  });
});
