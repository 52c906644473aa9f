import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './children.js';
import { SetupError } from './errors.js';
import { BUILD_FLAGS, cacheDirectory, goEnvironment, linkBinary, pruneCache } from './go-binaries.js';

/** @typedef {import('./go-binaries.js').Binary} Binary */
/** @typedef {ReturnType<typeof import('./progress.js').createProgress>} Progress */

/**
 * Builds what the cache lacks, all of one module in one `go build`, so that packages used by several commands compile once.
 * @param {string} root
 * @param {readonly Binary[]} binaries
 * @param {Progress} progress
 * @param {{ signal?: AbortSignal, priority?: number }} [how]
 */
export async function buildBinaries(root, binaries, progress, how = {}) {
  const missing = binaries.filter((binary) => !existsSync(binary.cached));
  for (const module of new Set(missing.map((binary) => binary.module))) {
    const ofModule = missing.filter((binary) => binary.module === module);
    await build(join(root, module), ofModule, { progress, how });
  }
  binaries.forEach(linkBinary);
}

/**
 * @param {string} module
 * @param {readonly Binary[]} missing
 * @param {{ progress: Progress, how: { signal?: AbortSignal, priority?: number } }} context
 */
async function build(module, missing, { progress, how }) {
  const targets = missing.map((binary) => binary.package);
  const names = missing.map((binary) => binary.name).join(', ');
  const total = await countPackages(module, targets, progress);
  mkdirSync(cacheDirectory(), { recursive: true });
  const temporary = mkdtempSync(join(cacheDirectory(), 'building-'));
  const step = progress.step(`building ${names}`);
  try {
    let done = 0;
    step.update(`0 of ${total} packages compiled`);
    const onLine = () => step.update(`${Math.min(++done, total)} of ${total} packages compiled`);
    // With more than one package `-o` must be a folder; with one as well, for the same result.
    const args = ['build', '-v', ...BUILD_FLAGS, '-o', `${temporary}/`, ...targets];
    const result = await run('go', args, { ...how, cwd: module, env: goEnvironment(), onLine });
    step.stop();
    if (result.code !== 0)
      throw new SetupError(`go build failed (exit code ${result.code}):\n${compilerOutput(result.stderr)}`);
    missing.forEach((binary) => keep(temporary, binary));
    step.done(`${done} packages compiled, ${total - done} were known already`);
  } finally {
    step.stop();
    rmSync(temporary, { recursive: true, force: true });
  }
  pruneCache();
}

/**
 * How many packages the commands consist of. Go downloads the modules it has not got while it looks.
 * @param {string} module @param {readonly string[]} targets @param {Progress} progress
 */
async function countPackages(module, targets, progress) {
  const step = progress.step('reading Go modules');
  let downloads = 0;
  const onLine = (/** @type {string} */ line) => {
    if (line.startsWith('go: downloading')) step.update(`${++downloads} downloaded`);
  };
  try {
    const result = await run('go', ['list', '-deps', ...targets], { cwd: module, env: goEnvironment(), onLine });
    if (result.code !== 0) throw new SetupError(`go list failed (exit code ${result.code}):\n${result.stderr}`);
    step.done(downloads === 0 ? 'all present' : `${downloads} downloaded`);
    return result.stdout.trim().split('\n').length;
  } finally {
    step.stop();
  }
}

/** `-v` prints one import path a line; whatever is not one is the compiler speaking. @param {string} stderr */
function compilerOutput(stderr) {
  return stderr
    .split('\n')
    .filter((line) => !/^[\w.~/-]+$/.test(line))
    .join('\n');
}

/** @param {string} temporary @param {Binary} binary */
function keep(temporary, binary) {
  const directory = join(binary.cached, '..');
  mkdirSync(directory, { recursive: true });
  renameSync(join(temporary, binary.name), binary.cached);
}
