import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './children.js';
import { SetupError } from './errors.js';

/**
 * True when node_modules holds exactly what the lockfile names. npm leaves its own record there at the end of an
 * install, so that an install that was broken off does not count.
 * @param {string} root
 */
export function packagesMatch(root) {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(record);
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/')) continue;
    const found = present[path];
    if (!found ? entry.optional !== true : identity(found) !== identity(entry)) return false;
  }
  return Object.entries(present).every(([path, entry]) => path in wanted || entry.optional === true);
}

/** @typedef {{ version?: string, integrity?: string, resolved?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[] }} LockedPackage */

/** @param {string} path @returns {Record<string, LockedPackage>} */
function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/** @param {LockedPackage} entry */
function identity(entry) {
  return entry.link ? `link ${entry.resolved}` : `${entry.version} ${entry.integrity}`;
}

/** @param {LockedPackage} entry */
function fitsHere(entry) {
  const { os = [process.platform], cpu = [process.arch] } = entry;
  return entry.integrity !== undefined && os.includes(process.platform) && cpu.includes(process.arch);
}

/**
 * Brings the npm packages of the lockfile.
 * @param {string} root
 * @param {ReturnType<typeof import('./progress.js').createProgress>} progress
 */
export async function installPackages(root, progress) {
  const all = Object.values(readPackages(join(root, 'package-lock.json'))).filter(fitsHere).length;
  const step = progress.step('installing npm packages');
  let fetched = 0;
  const onLine = (/** @type {string} */ line) => {
    if (/^npm http .*\.tgz/.test(line)) step.update(`${++fetched} of about ${all} fetched`);
  };
  // Not `npm ci`: it refuses a lockfile without the native packages of platforms that its maker's registry did not serve.
  const args = ['install', '--no-save', '--loglevel=http', '--no-audit', '--no-fund'];
  const result = await run('npm', args, { cwd: root, onLine });
  step.stop();
  if (result.code !== 0) {
    const text = result.stderr.split('\n').filter((line) => !/^npm (http|warn)/.test(line));
    throw new SetupError(`npm install failed (exit code ${result.code}):\n${result.stdout}${text.join('\n')}`);
  }
  step.done(`${fetched} fetched`);
}
