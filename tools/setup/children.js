import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';

import { SetupError } from './errors.js';

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @param {NodeJS.Signals} signal @returns {number} the exit code a shell reports for it */
function signalExitCode(signal) {
  return 128 + constants.signals[signal];
}

/**
 * Runs a set-up command to its end. Its lines are handed on as they come; whole output is kept for the error.
 * A signal to this process stops the child first, so that none is left behind.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, signal?: AbortSignal, priority?: number }} options
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      killSignal: 'SIGINT',
      ...(options.signal && { signal: options.signal }),
    });
    if (options.priority !== undefined && child.pid !== undefined) setPriority(child.pid, options.priority);
    let stopped = /** @type {NodeJS.Signals | undefined} */ (undefined);
    const handlers = SIGNALS.map((signal) => {
      const handler = () => {
        stopped ??= signal;
        // go and npm both clean up on an interrupt; go does not on SIGTERM.
        child.kill('SIGINT');
      };
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    const release = () => handlers.forEach((off) => off());
    const output = {
      stdout: collect(child.stdout, () => {}),
      stderr: collect(child.stderr, options.onLine ?? (() => {})),
    };
    child.on('error', (error) => {
      release();
      reject(error);
    });
    child.on('close', (code, signal) => {
      release();
      if (stopped !== undefined) reject(new SetupError(`stopped by ${stopped}`, signalExitCode(stopped)));
      else
        resolve({
          code: code ?? signalExitCode(signal ?? 'SIGKILL'),
          stdout: output.stdout(),
          stderr: output.stderr(),
        });
    });
  });
}

/**
 * @param {NodeJS.ReadableStream} stream
 * @param {(line: string) => void} onLine
 * @returns {() => string} all text so far
 */
function collect(stream, onLine) {
  let text = '';
  let pending = '';
  stream.setEncoding('utf8');
  stream.on('data', (/** @type {string} */ chunk) => {
    text += chunk;
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  return () => text;
}

/**
 * Hands the terminal over to the job and waits for its end. Signals are passed on; should this process vanish without
 * a word, the job notices by its closed channel (die-with-parent.js) and stops itself.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} the job's exit code
 */
export function handOver(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        // A terminal has sent Ctrl-C to the whole group already; twice would mean "at once" to the job.
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signalExitCode(signal ?? 'SIGKILL')));
  });
}
