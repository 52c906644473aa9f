import { spawn } from 'node:child_process';
import { systemError, type PlumbError } from '@plumb/api';

export interface RunOptions {
  env: Record<string, string>;
  /** Folder to run in. */
  cwd: string;
  /** Milliseconds; the whole process group is killed then. */
  timeout: number;
  signal?: AbortSignal | undefined;
  /** Most bytes of standard output. Default 64 MiB. */
  maxOutput?: number;
}

export interface RunResult {
  code: number;
  stdout: Buffer;
  /** The last 16 KiB. */
  stderr: string;
}

const MAX_OUTPUT = 64 * 1024 * 1024;
const MAX_STDERR = 16 * 1024;

/** How many processes were started, for benchmarks and tests. */
let started = 0;
export function gitProcessesStarted(): number {
  return started;
}
export function countGitProcess(): void {
  started += 1;
}

/**
 * Runs git once, without a shell, in a process group of its own. A non-zero exit is a result, not an error.
 * @throws PlumbError `timeout`, `cancelled`, `source-failed` (cannot be started, says too much)
 */
export function runGit(args: readonly string[], options: RunOptions): Promise<RunResult> {
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  if (options.signal?.aborted) return Promise.reject(cancelled());
  countGitProcess();
  const child = spawn('git', args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let failure: PlumbError | undefined;
  const stop = (error: PlumbError): void => {
    failure ??= error;
    killGroup(child.pid);
  };
  const onAbort = (): void => stop(cancelled());
  const timer = setTimeout(() => stop(timedOut(options.timeout)), Math.min(options.timeout, 2 ** 31 - 1));
  options.signal?.addEventListener('abort', onAbort, { once: true });

  const chunks: Buffer[] = [];
  let size = 0;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > (options.maxOutput ?? MAX_OUTPUT)) stop(systemError('source-failed', 'git printed more than expected'));
    else chunks.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-MAX_STDERR);
  });
  const settle = (): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  };
  child.once('error', (error) => {
    settle();
    reject(systemError('source-failed', `cannot run git (${error.message}): install git 2.39 or newer`, error));
  });
  child.once('close', (code) => {
    settle();
    if (failure) reject(failure);
    else resolve({ code: code ?? 128, stdout: Buffer.concat(chunks), stderr });
  });
  return promise;
}

/** Ends a detached child with everything it started. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

function cancelled(): PlumbError {
  return systemError('cancelled', 'the git operation was cancelled');
}

function timedOut(timeout: number): PlumbError {
  return systemError('timeout', `the git operation took longer than ${timeout / 1000}s: context deadline exceeded`);
}
