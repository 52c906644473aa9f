import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { contextOf } from './context.ts';
import type { Program } from './context.ts';
import { runProgram } from './program.ts';

function run({ program, name, args, env }: Program): Promise<number> {
  const child = spawn(program, args, { argv0: name, stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const context = contextOf(process, {
  root: join(import.meta.dirname, '../../..'),
  program: import.meta.filename,
  run,
});

// What a failed start left open must not keep the process alive.
process.exit(await runProgram(process.argv.slice(2), context));
