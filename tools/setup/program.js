import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from './children.js';
import { SetupError } from './errors.js';
import { cacheDirectory, linkBinary } from './go-binaries.js';

const BUNDLER = fileURLToPath(new URL('bundle-program.js', import.meta.url));

/**
 * The command line as it is started: bundled, for run from its sources it costs 50 MB more and starts a second later.
 * @param {string} root
 * @returns {import('./go-binaries.js').Kept} `cached` is the folder
 */
export function describeProgram(root) {
  const cached = join(cacheDirectory(), `program-${contentHash(root)}`, 'program');
  return { name: 'program', cached, link: join(root, 'build', 'program') };
}

/** @param {string} root */
export function programPath(root) {
  return join(root, 'build', 'program', 'main.js');
}

/**
 * @param {string} root
 * @param {import('./go-binaries.js').Kept} program
 * @param {string} node
 */
export async function buildProgram(root, program, node) {
  if (!existsSync(program.cached)) await bundle(root, program, node);
  linkBinary(program);
}

/** @param {string} root @param {import('./go-binaries.js').Kept} program @param {string} node */
async function bundle(root, program, node) {
  mkdirSync(cacheDirectory(), { recursive: true });
  const temporary = mkdtempSync(join(cacheDirectory(), 'bundling-'));
  try {
    const result = await run(node, [BUNDLER, root, join(temporary, 'program')], { cwd: root });
    if (result.code !== 0) throw new SetupError(`bundling failed (exit code ${result.code}):\n${result.stderr}`);
    writeFileSync(join(temporary, 'program', 'package.json'), '{"type":"module"}\n');
    const home = join(program.cached, '..');
    if (!existsSync(home)) renameSync(temporary, home);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** One hash over all that decides what comes out; the root is among it, for modules know where their sources lie. @param {string} root */
function contentHash(root) {
  const hash = createHash('sha256').update(`${root}\n`);
  const sources = readdirSync(join(root, 'packages'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/node_modules/'))
    .sort();
  for (const path of [BUNDLER, join(root, 'package-lock.json'), ...sources]) {
    const content = readFileSync(path);
    hash.update(`${path}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 20);
}
