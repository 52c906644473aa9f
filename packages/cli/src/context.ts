import type { WriteStream } from 'node:tty';

export interface Program {
  program: string;
  name: string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
}

/** What a command gets of the world. Only main.ts makes one. */
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
