import { setImmediate } from 'node:timers/promises';
import { systemError } from '@plumb/api';
import type { BuildOptions } from './renderer.ts';

/** Milliseconds of work after which others get their turn. */
const longestTurn = 20;

/**
 * To be called between the steps of long work, with how far it came.
 * @throws PlumbError `timeout` where it took more than `deadline` milliseconds from now on, `cancelled`
 */
export function paced(options: Partial<Pick<BuildOptions, 'deadline' | 'signal'>>): (at: string) => Promise<void> {
  const { deadline = Number.POSITIVE_INFINITY } = options;
  const until = performance.now() + deadline;
  let pause = performance.now() + longestTurn;
  return async (at) => {
    if (performance.now() < pause) return;
    await setImmediate();
    checkCancelled(options);
    if (performance.now() > until)
      throw systemError('timeout', `the build did not end within ${deadline} ms: it came to ${at}`);
    pause = performance.now() + longestTurn;
  };
}

export function checkCancelled({ signal }: Pick<BuildOptions, 'signal'>): void {
  if (signal?.aborted === true) throw systemError('cancelled', 'the build was cancelled', signal.reason);
}
