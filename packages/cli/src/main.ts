import { join } from 'node:path';
import type { Context } from './context.ts';
import { runProgram } from './program.ts';

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

const context: Context = {
  root: join(import.meta.dirname, '../../..'),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  untilStopped,
};

process.exitCode = await runProgram(process.argv.slice(2), context);
