import { type ChildProcess, execFile, spawn } from 'node:child_process';

import { systemError } from '@plumb/api';

/**
 * `env` gives git the variables it needs beside those it inherits, and takes away the ones that would point it at another
 * repository (they are set inside a git hook).
 */
function environment(variables: Readonly<Record<string, string>>): string[] {
  const others = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_CONFIG_PARAMETERS'];
  const given = Object.entries({ GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', ...variables });
  return [...others.flatMap((name) => ['-u', name]), ...given.map(([name, value]) => `${name}=${value}`)];
}

/** Starts git with its standard streams as pipes. */
export function spawnGit(args: readonly string[], variables: Readonly<Record<string, string>>): ChildProcess {
  return spawn('env', [...environment(variables), 'git', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/**
 * Runs git in a folder. The user's own configuration (signing, hooks, proxies) is left out.
 * @returns what it printed
 * @throws PlumbError `storage-failed` with git's own words
 */
export function runGit(cwd: string, args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const all = [...environment({ GIT_CONFIG_GLOBAL: '/dev/null' }), 'git', '-c', 'http.proxy=', ...args];
  execFile('env', all, { cwd, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else
      reject(
        systemError(
          'storage-failed',
          `git ${args[0] ?? ''} failed in ${cwd}: ${stderr.trim() || error.message}`,
          error,
        ),
      );
  });
  return promise;
}
