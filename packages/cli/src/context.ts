import type { WriteStream } from 'node:tty';
import { memoryBound } from './memory.ts';

export interface Program {
  program: string;
  name: string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
}

/** What a command gets of the world. */
export interface Context {
  /** The root of the clone: where `build` and `.plumb` are. */
  root: string;
  /** The folder the command was given in. */
  folder: string;
  /** Which build of this program runs: another one, another text. */
  program: string;
  /** Bytes this process and its children may use together; null: no bound. */
  memoryLimit: number | null;
  environment: Readonly<Record<string, string | undefined>>;
  stdout: Pick<WriteStream, 'write' | 'columns'> & { isTTY?: boolean };
  stderr: { write(text: string): unknown };
  /** Runs a program in the foreground, under this name. @returns its exit code */
  run(program: Program): Promise<number>;
  /** Resolves at the first request to stop (Ctrl-C, SIGTERM). */
  untilStopped(): Promise<void>;
}

/** What of a running process a context is made of: only main.ts has a real one. */
type Surroundings = Pick<NodeJS.Process, 'constrainedMemory' | 'cwd' | 'env' | 'stdout' | 'stderr' | 'once'>;

export function contextOf(process: Surroundings, own: Pick<Context, 'root' | 'program' | 'run'>): Context {
  return {
    ...own,
    folder: process.cwd(),
    memoryLimit: memoryBound(process.constrainedMemory()),
    environment: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    untilStopped: () =>
      new Promise((resolve) => {
        process.once('SIGINT', () => resolve());
        process.once('SIGTERM', () => resolve());
      }),
  };
}
