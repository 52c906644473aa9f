import { existsSync } from 'node:fs';
import { cpus } from 'node:os';

import { buildBinaries } from './go-build.js';
import { cacheDirectory, describeBinaries, linkBinary } from './go-binaries.js';
import { linkHelm } from './helm-binary.js';
import { withLock } from './lock.js';
import { findNode } from './node.js';
import { installPackages, packagesMatch } from './packages.js';
import { checkPrerequisites } from './prerequisites.js';
import { buildProgram, describeProgram } from './program.js';
import { createProgress, SILENT } from './progress.js';

/** @typedef {import('./go-binaries.js').CommandName} CommandName */

/** CPU minutes of compiling upstream Kubernetes, and the part no second core can help with (linking, downloads). */
const COMPILE_CPU_MINUTES = 11;
const SERIAL_MINUTES = 1.5;

/**
 * What a job needs: Go commands, and with any of them the bundled command line. What it can begin without is built beside it. `helm` is upstream's,
 * to compare with.
 * @typedef {{ binaries: readonly CommandName[], later?: readonly CommandName[], helm?: boolean }} Needs
 */

/**
 * Makes the clone ready. Costs some milliseconds when it is.
 * @param {string} root
 * @param {Needs} needs
 * @returns {Promise<string>} the Node to run TypeScript with
 */
export async function setUp(root, needs) {
  const { goVersion } = checkPrerequisites();
  const binaries = describeBinaries(root, goVersion, needs.binaries);
  if (packagesMatch(root) && binaries.every((binary) => existsSync(binary.cached))) {
    binaries.forEach(linkBinary);
    return withProgram(root, needs);
  }
  const progress = createProgress();
  announce(binaries, progress);
  const onWait = () => progress.say('another set-up is running; waiting for it to end ...');
  await withLock(cacheDirectory(), onWait, async () => {
    if (!packagesMatch(root)) await installPackages(root, progress);
    await buildBinaries(root, binaries, progress);
  });
  return withProgram(root, needs);
}

/** What can hardly be noticed beside a job. */
const LOW_PRIORITY = 10;

/**
 * Builds what a job can begin without. Says nothing but what failed: the job has the terminal.
 * @param {string} root
 * @param {readonly CommandName[]} names
 * @param {AbortSignal} signal
 */
export async function setUpRest(root, names, signal) {
  if (names.length === 0) return;
  const binaries = describeBinaries(root, checkPrerequisites().goVersion, names);
  const work = () => buildBinaries(root, binaries, SILENT, { signal, priority: LOW_PRIORITY });
  await withLock(cacheDirectory(), () => {}, work).catch((error) => {
    if (!signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  });
}

/** @param {string} root @param {Needs} needs @returns {Promise<string>} the Node to run TypeScript with */
async function withProgram(root, needs) {
  const node = findNode(root);
  if (needs.helm === true) linkHelm(root);
  if (needs.binaries.length > 0) await buildProgram(root, describeProgram(root), node);
  return node;
}

/**
 * @param {readonly import('./go-binaries.js').Binary[]} binaries
 * @param {ReturnType<typeof createProgress>} progress
 */
function announce(binaries, progress) {
  const coldCluster = binaries.some((binary) => binary.name === 'cluster' && !existsSync(binary.cached));
  if (!coldCluster) return;
  const cores = cpus().length;
  const minutes = Math.round(SERIAL_MINUTES + COMPILE_CPU_MINUTES / cores);
  progress.say(
    `set-up takes up to ${minutes} minutes on ${cores === 1 ? 'one core' : `${cores} cores`}: ` +
      'upstream Kubernetes is compiled from source, once, and kept for every later start and clone',
  );
}
