import { spawnSync } from 'node:child_process';

import { SetupError } from './errors.js';

const GIT = { least: [2, 36], hint: 'install git 2.36 or newer (https://git-scm.com/downloads)' };
const GO = { least: [1, 26], hint: 'install Go 1.26 or newer (https://go.dev/dl/)' };

/**
 * Looks for what set-up cannot bring itself.
 * @returns {{ goVersion: string }} what `go version` prints, platform included
 * @throws SetupError with one line for each thing that is missing or too old
 */
export function checkPrerequisites() {
  const problems = [];
  if (process.platform !== 'linux') problems.push(`this is ${process.platform}: Plumb's sandbox runs on Linux only`);
  const git = probe('git', ['--version'], GIT);
  const go = probe('go', ['version'], GO, { ...process.env, GOTOOLCHAIN: 'local' });
  problems.push(...git.problems, ...go.problems);
  if (problems.length > 0) throw new SetupError(problems.join('\n'));
  return { goVersion: go.text };
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ least: number[], hint: string }} wanted
 * @param {NodeJS.ProcessEnv} env
 */
function probe(command, args, wanted, env = process.env) {
  const result = spawnSync(command, args, { encoding: 'utf8', env });
  if (result.error) return { text: '', problems: [`${command} was not found: ${wanted.hint}`] };
  const text = result.stdout.trim();
  const found = /(\d+)\.(\d+)/.exec(text);
  if (result.status !== 0 || !found) {
    return { text, problems: [`${command} does not answer with its version: ${wanted.hint}`] };
  }
  const [major, minor] = [Number(found[1]), Number(found[2])];
  const [leastMajor = 0, leastMinor = 0] = wanted.least;
  const enough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return { text, problems: enough ? [] : [`${command} ${major}.${minor} is too old: ${wanted.hint}`] };
}
