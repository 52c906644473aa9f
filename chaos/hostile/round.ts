import type { ChildProcess, StdioOptions } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Round } from '../round.ts';
import type { Report } from './lab.ts';

/** Milliseconds after which a draw counts as one that does not end. Its fetches and builds have deadlines of their own, unless it keeps the process busy. */
const NEVER = 300_000;

export interface HostileOptions {
  seed: number;
  draws: number;
  /** Number of the one draw to repeat, from 1. */
  only?: number | undefined;
  /** What draws, from this folder. */
  program?: string;
}

/** Draws hostile files and repositories, and judges what becomes of them. */
export async function hostileRound(options: HostileOptions): Promise<Round> {
  const { seed, draws, only, program = 'hostile-process.ts' } = options;
  const from = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'plumb-hostile-'));
  const counts: Record<string, number> = {};
  const problems: string[] = [];
  const numbers = only === undefined ? Array.from({ length: draws }, (_, index) => index + 1) : [only];
  let drawing: Drawing | null = null;
  try {
    for (const number of numbers) {
      drawing ??= await Drawing.start(program, seed, join(dir, `from-${number}`));
      const report = await drawing.draw(number);
      if (report.isLast === true) drawing = null;
      for (const [what, count] of Object.entries(report.counts)) counts[what] = (counts[what] ?? 0) + count;
      problems.push(...report.problems.map((problem) => `--draw ${number}: ${report.what}: ${problem}`));
    }
  } finally {
    await drawing?.close();
    if (problems.length === 0) rmSync(dir, { recursive: true, force: true });
  }
  return { seed, counts, settled: performance.now() - from, settledWord: 'done in', problems, dir };
}

/** A process that draws. */
class Drawing {
  readonly #child: ChildProcess;
  #said = '';

  static async start(program: string, seed: number, dir: string): Promise<Drawing> {
    mkdirSync(dir);
    const args = [String(seed), dir];
    // Not under what this process was started with: it has a channel of its own to its parent.
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', 'ipc'];
    const child = fork(join(import.meta.dirname, program), args, { execArgv: [], stdio });
    const drawing = new Drawing(child);
    if ((await drawing.#answer()) !== 'ready') throw new Error(`it did not start: ${drawing.#said}`);
    return drawing;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-2_000)));
  }

  /** `isLast`: the process is gone with it. */
  async draw(number: number): Promise<Report & { isLast?: boolean }> {
    this.#child.send(number);
    const answer = (await this.#answer()) as Report | null;
    if (answer !== null) return answer;
    await this.#end();
    const { exitCode, signalCode } = this.#child;
    const problem = `its process ended with ${exitCode ?? signalCode}: ${this.#said}`;
    return { what: 'a draw that was not told of', counts: {}, problems: [problem], isLast: true };
  }

  async close(): Promise<void> {
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    if (!this.#isGone) await once(this.#child, 'exit');
    clearTimeout(timer);
  }

  get #isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What it sends next; null when it ends instead, or takes too long. */
  async #answer(): Promise<unknown> {
    const settled = new AbortController();
    const timer = setTimeout(() => settled.abort(), NEVER);
    try {
      const { signal } = settled;
      const [answer] = (await Promise.race([
        once(this.#child, 'message', { signal }),
        once(this.#child, 'exit', { signal }).then(() => [null]),
      ])) as unknown[];
      return answer;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      settled.abort();
    }
  }

  async #end(): Promise<void> {
    if (this.#isGone) return;
    this.#said += 'it did not end';
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
