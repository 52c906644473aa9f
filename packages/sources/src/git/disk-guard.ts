import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlumbError } from '@plumb/api';
import type { GitLimits } from '../git-sources.ts';
import { beyond, orRaise } from '../limits.ts';

/** Begins to watch; ends the run by `stop`. @returns what ends the watch */
export type Guard = (stop: (error: PlumbError) => void) => () => void;

const EVERY = 200;

/** Stops a fetch that adds more than `fetchBytes` to a mirror: git itself has no such limit. */
export function diskGuard(gitDir: string, limits: Pick<GitLimits, 'fetchBytes' | 'setBy'>): Guard {
  const folder = join(gitDir, 'objects', 'pack');
  return (stop) => {
    const before = sizeOf(folder);
    const look = async (): Promise<void> => {
      if ((await sizeOf(folder)) - (await before) <= limits.fetchBytes) return;
      const next = `leave out what is not needed (spec.sparseCheckout, spec.ignore)${orRaise(limits, 'fetchBytes')}`;
      stop(beyond(`it sends more than ${limits.fetchBytes} bytes; ${next}`));
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
