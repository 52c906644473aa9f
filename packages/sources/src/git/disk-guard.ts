import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { correctable } from './address.ts';
import type { PlumbError } from '@plumb/api';

/** Begins to watch; ends the run by `stop`. @returns what ends the watch */
export type Guard = (stop: (error: PlumbError) => void) => () => void;

const EVERY = 200;

/** Stops a fetch that adds more than `limit` bytes to a mirror: git itself has no such limit. */
export function diskGuard(gitDir: string, limit: number): Guard {
  const folder = join(gitDir, 'objects', 'pack');
  return (stop) => {
    const before = sizeOf(folder);
    const look = async (): Promise<void> => {
      if ((await sizeOf(folder)) - (await before) <= limit) return;
      stop(correctable('source-failed', `the repository is beyond a limit: it sends more than ${limit} bytes`));
    };
    const timer = setInterval(() => void look(), EVERY);
    return () => clearInterval(timer);
  };
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch((): string[] => []);
  const sizes = names.map((name) =>
    stat(join(folder, name))
      .then(({ size }) => size)
      .catch(() => 0),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
