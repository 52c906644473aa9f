import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { systemError, type PlumbError } from '@plumb/api';
import { storageFailure } from '../store/disk.ts';
import type { Guard } from './disk-guard.ts';

export interface RunOptions {
  env: Record<string, string>;
  /** Folder to run in. */
  cwd: string;
  /** Milliseconds; the whole process group is killed then. */
  timeout: number;
  signal?: AbortSignal | undefined;
  /** Most bytes of standard output. Default 64 MiB. */
  maxOutput?: number;
  /** Ends the run when it takes too much. */
  guard?: Guard | undefined;
  /** Standard input. */
  input?: string;
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

type Bounds = Pick<RunOptions, 'timeout' | 'signal' | 'guard'>;

/**
 * Runs git once, without a shell, in a process group of its own. A non-zero exit is a result, not an error.
 * @throws PlumbError `timeout`, `cancelled`, `source-failed` (cannot be started, says too much, takes too much)
 */
export async function runGit(args: readonly string[], options: RunOptions): Promise<RunResult> {
  if (options.signal?.aborted) throw cancelled();
  const child = start(args, options, [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  child.stdin?.on('error', () => undefined).end(options.input);
  const chunks: Buffer[] = [];
  let size = 0;
  const running = supervise([child], options);
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > (options.maxOutput ?? MAX_OUTPUT))
      running.stop(systemError('source-failed', 'git printed more than expected'));
    else chunks.push(chunk);
  });
  const [ended] = await running.done;
  return { ...(ended ?? NOT_RUN), stdout: Buffer.concat(chunks) };
}

interface Side {
  args: readonly string[];
  env: Record<string, string>;
  cwd: string;
  input?: string;
}

/** Runs two gits, the output of one being the input of the other. @throws PlumbError as runGit, `storage-failed` when one fails */
export async function pipeGit(from: Side, to: Side, bounds: Bounds): Promise<void> {
  if (bounds.signal?.aborted) throw cancelled();
  const source = start(from.args, from, ['pipe', 'pipe', 'pipe']);
  const target = start(to.args, to, ['pipe', 'ignore', 'pipe']);
  source.stdin?.on('error', () => undefined).end(from.input);
  target.stdin?.on('error', () => source.stdout?.destroy());
  if (target.stdin) source.stdout?.pipe(target.stdin);
  const ended = await supervise([source, target], bounds).done;
  const failed = ended.filter(({ code }) => code !== 0);
  if (failed.length > 0) throw storageFailure('copying objects', failed.map(({ stderr }) => stderr).join('\n'));
}

type Ended = Pick<RunResult, 'code' | 'stderr'>;
const NOT_RUN: Ended = { code: 128, stderr: '' };

function start(
  args: readonly string[],
  { cwd, env }: Pick<RunOptions, 'cwd' | 'env'>,
  stdio: StdioOptions,
): ChildProcess {
  countGitProcess();
  return spawn('git', args, { cwd, env, detached: true, stdio });
}

/** Watches over processes until all have ended; `stop` ends them early, and `done` is then rejected. */
function supervise(
  children: readonly ChildProcess[],
  bounds: Bounds,
): { done: Promise<Ended[]>; stop: (error: PlumbError) => void } {
  let failure: PlumbError | undefined;
  const stop = (error: PlumbError): void => {
    failure ??= error;
    for (const child of children) killGroup(child.pid);
  };
  const onAbort = (): void => stop(cancelled());
  const timer = setTimeout(() => stop(timedOut(bounds.timeout)), Math.min(bounds.timeout, 2 ** 31 - 1));
  bounds.signal?.addEventListener('abort', onAbort, { once: true });
  const unwatch = bounds.guard?.(stop);
  const done = Promise.all(children.map(ending)).finally(() => {
    clearTimeout(timer);
    unwatch?.();
    bounds.signal?.removeEventListener('abort', onAbort);
  });
  return {
    stop,
    done: done.then((ended) => {
      if (failure) throw failure;
      return ended;
    }),
  };
}

function ending(child: ChildProcess): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString('utf8')).slice(-MAX_STDERR)));
  child.once('error', (error: NodeJS.ErrnoException) => {
    const next = error.code === 'ENOENT' ? 'install git 2.36 or newer' : "the agent's limits are too small";
    reject(systemError('source-failed', `cannot run git (${error.message}): ${next}`, error));
  });
  child.once('close', (code) => resolve({ code: code ?? 128, stderr }));
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
