import { setImmediate } from 'node:timers/promises';
import { systemError } from '@plumb/api';
import { declaredIn } from './declared.ts';
import type { Declared } from './declared.ts';
import { buildError } from './errors.ts';
import { limits } from './limits.ts';
import type { BuildOptions } from './renderer.ts';
import { parseDocuments } from './yaml/documents.ts';

/** Milliseconds of parsing after which others get their turn. */
const longestTurn = 20;

/** Files of manifests, by the paths they were found at. */
export type Manifests = ReadonlyMap<string, Uint8Array>;

/**
 * Reads manifests without kustomize.
 * @throws PlumbError `build-failed` for what is no manifest or beyond a limit, `timeout`, `cancelled`
 */
export async function declarePlain(files: Manifests, options: BuildOptions): Promise<Declared[]> {
  const until = performance.now() + options.deadline;
  const declared: Declared[] = [];
  let pause = performance.now() + longestTurn;
  for (const [shown, content] of files) {
    declared.push(...declaredIn(shown, parseDocuments(shown, content)));
    if (declared.length > limits.objects)
      throw buildError(shown, `with it the build has more than ${limits.objects} objects`);
    if (performance.now() < pause) continue;
    await setImmediate();
    checkCancelled(options);
    if (performance.now() > until)
      throw systemError('timeout', `the build did not end within ${options.deadline} ms: it came to ${shown}`);
    pause = performance.now() + longestTurn;
  }
  return declared;
}

export function checkCancelled({ signal }: BuildOptions): void {
  if (signal?.aborted === true) throw systemError('cancelled', 'the build was cancelled', signal.reason);
}
