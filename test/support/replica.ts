import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a replica said of the others, and when (milliseconds since the epoch). */
export interface News {
  at: number;
  event: string;
  member: string;
  members: string[];
}

/** A replica's process, and the news it printed. */
export class Replica {
  readonly news: News[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout !== null) {
      createInterface(child.stdout).on('line', (line) => {
        this.news.push(JSON.parse(line) as News);
        for (const look of this.#waiting) look();
      });
    }
  }

  static start(options: Readonly<Record<string, string>>): Replica {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const script = join(import.meta.dirname, 'replica-process.ts');
    return new Replica(spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Resolves when, after `since`, it is agreed with the others that there are this many. */
  async agreed(count: number, since: number, ms: number): Promise<void> {
    const holds = (): boolean =>
      this.news.some(({ at, event, members }) => at >= since && event === 'agreed' && members.length === count);
    const over = AbortSignal.timeout(ms);
    while (!holds()) {
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
        const fail = (): void =>
          reject(new Error(`no agreement of ${count} within ${ms} ms: ${JSON.stringify(this.news, null, 1)}`));
        over.addEventListener('abort', fail, { once: true });
      });
    }
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Ends it, cleanly or not. */
  async end(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill(name);
    await once(this.#child, 'exit');
  }
}
