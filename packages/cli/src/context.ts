import type { WriteStream } from 'node:tty';

/** What a command gets of the world. Only main.ts makes one. */
export interface Context {
  /** The root of the clone: where `build` and `.plumb` are. */
  root: string;
  environment: Readonly<Record<string, string | undefined>>;
  stdout: Pick<WriteStream, 'write' | 'columns'> & { isTTY?: boolean };
  stderr: { write(text: string): unknown };
  /** Resolves at the first request to stop (Ctrl-C, SIGTERM). */
  untilStopped(): Promise<void>;
}
