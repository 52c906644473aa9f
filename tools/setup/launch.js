import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { handOver } from './children.js';
import { SetupError } from './errors.js';
import { programPath } from './program.js';
import { setUp, setUpRest } from './setup.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Runs from its bundle. */
const COMMAND_LINE = 'packages/cli/src/main.ts';

/**
 * Makes the clone ready, then runs one of its TypeScript programs in the caller's folder and ends as it ends.
 * @param {string} program path from the root
 * @param {readonly string[]} args
 * @param {import('./setup.js').Needs} needs
 */
export async function launch(program, args, needs) {
  try {
    const node = await setUp(root, needs);
    const preload = pathToFileURL(join(root, 'tools', 'setup', 'die-with-parent.js')).href;
    const path = [join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
    const script = program === COMMAND_LINE && needs.binaries.length > 0 ? programPath(root) : join(root, program);
    const ended = new AbortController();
    void setUpRest(root, needs.later ?? [], ended.signal);
    process.exitCode = await handOver(node, ['--import', preload, script, ...args], {
      cwd: process.cwd(),
      env: { ...process.env, PATH: path, PLUMB_LAUNCHER: String(process.pid) },
    });
    ended.abort();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
