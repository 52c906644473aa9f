import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Context, Program } from './context.ts';
import { memoryBound } from './memory.ts';
import { runProgram } from './program.ts';

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

function run({ program, name, args, env }: Program): Promise<number> {
  const child = spawn(program, args, { argv0: name, stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const context: Context = {
  root: join(import.meta.dirname, '../../..'),
  folder: process.cwd(),
  program: import.meta.filename,
  memoryLimit: memoryBound(process.constrainedMemory()),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  run,
  untilStopped,
};

// What a failed start left open must not keep the process alive.
process.exit(await runProgram(process.argv.slice(2), context));
