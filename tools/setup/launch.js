import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { handOver } from './children.js';
import { SetupError } from './errors.js';
import { setUp } from './setup.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * Makes the clone ready, then runs one of its TypeScript programs in the caller's folder and ends as it ends.
 * @param {string} program path from the root
 * @param {readonly string[]} args
 * @param {{ binaries: boolean }} needs
 */
export async function launch(program, args, needs) {
  try {
    const node = await setUp(root, needs);
    const preload = pathToFileURL(join(root, 'tools', 'setup', 'die-with-parent.js')).href;
    const path = [join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
    process.exitCode = await handOver(node, ['--import', preload, join(root, program), ...args], {
      cwd: process.cwd(),
      env: { ...process.env, PATH: path, PLUMB_LAUNCHER: String(process.pid) },
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
