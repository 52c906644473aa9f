import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { systemError } from '@plumb/api';

import type { Notice } from '../types.ts';

export interface ChildOptions {
  /** A short stable word: `etcd`. It names the part in notices. */
  name: string;
  command: string;
  args: readonly string[];
  cwd: string;
  logFile: string;
  notify: (notice: Notice) => void;
  /** Told of each start, with the new process id, and of each end. */
  onChange: () => void;
}

/** A child process kept running: when it ends by itself it is started again, later each time. */
export interface Child {
  pid(): number | undefined;
  /** Rejects, with the end of the log, when the child ends before `settled` resolves. */
  guard<T>(settled: Promise<T>): Promise<T>;
  /** From here on a death is repaired instead of reported to `guard`. */
  supervise(): void;
  stop(): Promise<void>;
}

const FIRST_DELAY = 250;
const LONGEST_DELAY = 10_000;
/** A child that ran this long starts its backoff anew. */
const STEADY = 30_000;
/** Between SIGTERM and SIGKILL. */
const GRACE = 4000;

/**
 * Starts a part of the control plane. Its standard input is a pipe that only this process holds, and the part stops when
 * the pipe closes: nothing outlives us, even when we are killed. Being detached, it does not get the terminal's Ctrl-C,
 * so that the order of stopping stays ours.
 */
export function startChild(options: ChildOptions): Child {
  let current: ChildProcess | undefined;
  let stopping = false;
  let supervised = false;
  let wait = FIRST_DELAY;
  let ended = Promise.withResolvers<string>();
  const cancelled = new AbortController();

  function start(): void {
    const log = openSync(options.logFile, 'a', 0o600);
    const child = spawn(options.command, ['--lifeline', ...options.args], {
      cwd: options.cwd,
      detached: true,
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    current = child;
    // Writing is never tried; a broken pipe shows as an error event all the same.
    child.stdin?.on('error', () => undefined);
    const startedAt = performance.now();
    child.once('error', (error) => onEnd(error.message, startedAt));
    child.once('exit', (code, signal) => onEnd(signal === null ? `exit code ${code}` : signal, startedAt));
    options.onChange();
  }

  function onEnd(how: string, startedAt: number): void {
    if (current === undefined) return;
    current = undefined;
    options.onChange();
    ended.resolve(how);
    if (!stopping && supervised) void restart(how, performance.now() - startedAt);
  }

  async function restart(how: string, ranFor: number): Promise<void> {
    if (ranFor > STEADY) wait = FIRST_DELAY;
    const seconds = wait / 1000;
    options.notify({
      level: 'warn',
      event: `${options.name}-stopped`,
      message: `${options.name} stopped (${how}); starting it again in ${seconds} s, its log is ${options.logFile}`,
    });
    await delay(wait, undefined, { signal: cancelled.signal }).catch(() => undefined);
    wait = Math.min(wait * 2, LONGEST_DELAY);
    if (stopping) return;
    ended = Promise.withResolvers<string>();
    start();
    options.notify({ level: 'info', event: `${options.name}-restarted`, message: `${options.name} was started again` });
  }

  start();
  return {
    pid: () => current?.pid,
    async guard(settled) {
      const death = ended.promise.then(async (how) => {
        const tail = await logTail(options.logFile);
        throw systemError(
          'api-unavailable',
          `${options.name} stopped while starting (${how}); the end of ${options.logFile}:\n${tail}`,
        );
      });
      return Promise.race([settled, death]);
    },
    supervise() {
      supervised = true;
    },
    async stop() {
      stopping = true;
      cancelled.abort();
      const child = current;
      if (child === undefined) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
      await exit;
      clearTimeout(timer);
    },
  };
}

const TAIL_BYTES = 4096;

/** The last lines of a log, for an error message. */
async function logTail(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return '(no log)';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n');
    return lines.slice(-12).join('\n');
  } finally {
    await file.close();
  }
}
