import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promisePattern, tourSteps } from './support/readme.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');
const PROMISE_TIME = 40_000;

let dir: string;
let sandbox: ChildProcess;
let output = '';
let heard: () => void = () => undefined;

/** Resolves when the sandbox has printed this after `from`. */
async function printed(pattern: RegExp, from: number, said = ''): Promise<void> {
  const end = Date.now() + PROMISE_TIME;
  while (!pattern.test(said) && !pattern.test(output.slice(from))) {
    const left = end - Date.now();
    if (left <= 0) throw new Error(`${pattern} was promised, but not seen. Printed: ${said}\n${output.slice(from)}`);
    await Promise.race([
      new Promise<void>((resolve) => (heard = resolve)),
      new Promise<void>((resolve) => setTimeout(resolve, left)),
    ]);
  }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-tour-'));
  sandbox = spawn(process.execPath, [MAIN, 'sandbox', '--plain', '--dir', join(dir, 'sandbox')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  sandbox.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    heard();
  });
  await printed(/^ready /m, 0);
});

afterAll(async () => {
  if (sandbox.exitCode === null) {
    sandbox.kill('SIGINT');
    await once(sandbox, 'exit');
  }
  await rm(dir, { recursive: true, force: true });
});

test('the tour of the README shows what it promises', { timeout: 240_000 }, async () => {
  const steps = await tourSteps();
  expect(steps.length).toBeGreaterThan(8);
  const git = /^.* git +(\S+)$/m.exec(output)?.[1] ?? '';
  const env = {
    PATH: process.env['PATH'],
    HOME: dir,
    KUBECONFIG: join(dir, 'sandbox/control-plane/kubeconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
  };
  for (const { commands, promises } of steps) {
    const from = output.length;
    const typed = commands
      .replaceAll('npx plumb', `'${process.execPath}' '${MAIN}'`)
      .replaceAll('http://127.0.0.1:8930/fleet.git', git);
    const { stdout } = await run('bash', ['-euc', typed], { cwd: dir, env });
    for (const promise of promises) await printed(promisePattern(promise), from, stdout);
  }
});

test('stopping leaves no process behind', async () => {
  const pids = output.length > 0 ? await childrenOf(sandbox.pid ?? 0) : [];
  expect(pids.length).toBeGreaterThanOrEqual(3);
  sandbox.kill('SIGINT');
  const [code] = (await once(sandbox, 'exit')) as [number];
  expect(code).toBe(0);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}
