import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');
/** Any free ports, and the same address for the artifacts after each start. */
const PORTS = '--metrics-port 0 --health-port 0 --storage-port 0 --storage-adv-addr localhost'.split(' ');
const MODE = '--watch-all-namespaces false --enable-leader-election false'.split(' ');
/** How long to wait for an engine process to kill: one runs only while something is built, and a minute after. */
const ENGINE_WAIT_MS = 3_000;

/** `plumb agent` as users run it, started, killed and started again on the same disk. */
export class KillableAgent {
  readonly #args: string[];
  readonly #log: WriteStream;
  #child: ChildProcess | null = null;
  #started: Promise<unknown> = Promise.resolve();

  /** `dir` is its disk; `log` the file its lines are added to. It acts on one namespace. */
  constructor(options: { kubeconfig: string; namespace: string; dir: string; log: string }) {
    const { kubeconfig, namespace, dir, log } = options;
    const own = ['--kubeconfig', kubeconfig, '--data-dir', dir, '--runtime-namespace', namespace];
    this.#args = [join(ROOT, 'packages/cli/src/main.ts'), 'agent', ...own, ...MODE, ...PORTS];
    this.#log = createWriteStream(log, { flags: 'a' });
  }

  start(): void {
    if (this.isRunning) return;
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(this.#log, { end: false });
    child.stderr.pipe(this.#log, { end: false });
    this.#child = child;
    // Its first line says that it has started.
    this.#started = Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  }

  /** Resolves when the process that was started last acts, or is gone. */
  async started(): Promise<void> {
    await this.#started;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
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
