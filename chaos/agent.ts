import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** Any free ports, and the same address for the artifacts after each start. */
const PORTS = '--metrics-port 0 --health-port 0 --storage-port 0 --storage-adv-addr localhost'.split(' ');
const SCOPE = '--watch-all-namespaces false'.split(' ');
const ALONE = '--enable-leader-election false'.split(' ');
/** Gives a replica a name and a time of day of its own. */
const OWN_CLOCK = join(ROOT, 'test/support/clock-process.ts');
const run = promisify(execFile);
/** How long to wait for an engine process to kill: one runs only while something is built, and a minute after. */
const ENGINE_WAIT_MS = 3_000;

/** A line of its log. */
interface Line {
  level: string;
  msg: string;
  error?: string;
  /** When it started. */
  metricsPort?: number;
  /** When it tells of the replicas: who they are, whom it speaks of, and when (RFC 3339). */
  members?: readonly string[];
  member?: string;
  ts?: string;
}

interface KillableOptions {
  kubeconfig: string;
  namespace: string;
  dir: string;
  log: string;
  host?: string;
  /** Variables of its environment, beside those of this process. */
  env?: Readonly<Record<string, string>>;
}

/** `plumb agent` as users run it, started, killed and started again on the same disk. */
export class KillableAgent {
  /** The host it runs on, where it is one of several; '' where it is alone. */
  readonly host: string;
  readonly #args: string[];
  readonly #logPath: string;
  readonly #log: WriteStream;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #started: Promise<unknown> = Promise.resolve();

  /** `dir` is its disk; `log` the file its lines are added to. It acts on one namespace. With a host name it shares the work with others. */
  constructor(options: KillableOptions) {
    const { kubeconfig, namespace, dir, log, host = '', env = {} } = options;
    this.#env = env;
    const own = ['--kubeconfig', kubeconfig, '--data-dir', dir, '--runtime-namespace', namespace];
    const mode = host === '' ? ALONE : [];
    const program = [join(ROOT, 'packages/cli/src/main.ts'), 'agent', ...own, ...SCOPE, ...mode, ...PORTS];
    this.#args = host === '' ? program : ['--import', OWN_CLOCK, ...program];
    this.host = host;
    this.#logPath = log;
    this.#log = createWriteStream(log, { flags: 'a' });
  }

  start(): void {
    if (this.isRunning) return;
    const child = spawn(process.execPath, this.#args, {
      stdio: ['ignore', 'pipe', 'pipe', this.host === '' ? 'ignore' : 'ipc'],
      env: { ...process.env, TEST_HOST_NAME: this.host, ...this.#env },
    });
    for (const output of [child.stdout, child.stderr]) output?.pipe(this.#log, { end: false });
    this.#child = child;
    // Its first line says that it has started.
    const spoke = child.stdout === null ? [] : [once(child.stdout, 'data')];
    this.#started = Promise.race([...spoke, once(child, 'exit')]);
  }

  /** Resolves when the process that was started last acts, or is gone. */
  async started(): Promise<void> {
    await this.#started;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sets its time of day: milliseconds from the right one. Only where it has a host name. */
  setClock(shift: number): void {
    this.#child?.send(shift);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** All that it said since it was started first. */
  async lines(): Promise<Line[]> {
    const text = await readFile(this.#logPath, 'utf8');
    return text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
  }

  /** The sum of a metric over all its labels that begin with these: `name{kind="GitRepository"`. */
  async metric(series: string): Promise<number> {
    const port = (await this.lines()).findLast(({ metricsPort }) => metricsPort !== undefined)?.metricsPort;
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const values = text.split('\n').filter((line) => line.startsWith(series));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Stops it, or lets it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  /** Sets a soft limit of the running process (prlimit(1)); what it starts from now on has it too. */
  async limit(name: 'fsize' | 'nofile', value: string): Promise<void> {
    await run('prlimit', ['--pid', String(this.#child?.pid), `--${name}=${value}:`]);
  }

  /** Lets an engine process have no more memory than it has. @returns whether it ended of that within a while; false when none ran */
  async starveEngine(): Promise<boolean> {
    const engine = await this.#engine();
    if (engine === null) return false;
    await run('prlimit', ['--pid', String(engine), '--as=1:']).catch(() => undefined);
    for (const until = performance.now() + ENGINE_WAIT_MS; performance.now() < until; await sleep(20)) {
      if ((await this.#engine()) !== engine) return true;
    }
    return false;
  }

  async kill(): Promise<boolean> {
    const child = this.#child;
    if (child === null || !this.isRunning) return false;
    child.kill('SIGKILL');
    await once(child, 'exit');
    return true;
  }

  /** Kills one engine process of the agent. @returns false when none ran within a while */
  async killEngine(): Promise<boolean> {
    const until = performance.now() + ENGINE_WAIT_MS;
    do {
      const engine = await this.#engine();
      if (engine !== null) return killed(engine);
      await sleep(5);
    } while (this.isRunning && performance.now() < until);
    return false;
  }

  /** Ends it in order. @returns its exit code, null when a signal ended it */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child !== null && this.isRunning) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    this.#log.end();
    return child?.exitCode ?? null;
  }

  async #engine(): Promise<number | null> {
    const pid = this.#child?.pid;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    for (const child of children.split(' ').filter(Boolean)) {
      const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '');
      if (name.trim() === 'engine') return Number(child);
    }
    return null;
  }
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
