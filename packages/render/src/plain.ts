import { declaredIn } from './declared.ts';
import type { Declared } from './declared.ts';
import { buildError } from './errors.ts';
import { limits } from './limits.ts';
import { paced } from './pace.ts';
import type { BuildOptions } from './renderer.ts';
import { parseDocuments } from './yaml/documents.ts';

/** Files of manifests, by the paths they were found at. */
export type Manifests = ReadonlyMap<string, Uint8Array>;

/**
 * Reads manifests without kustomize.
 * @throws PlumbError `build-failed` for what is no manifest or beyond a limit, `timeout`, `cancelled`
 */
export async function declarePlain(files: Manifests, options: BuildOptions): Promise<Declared[]> {
  const declared: Declared[] = [];
  const turn = paced(options);
  for (const [shown, content] of files) {
    declared.push(...declaredIn(shown, parseDocuments(shown, content)));
    if (declared.length > limits.objects)
      throw buildError(shown, `with it the build has more than ${limits.objects} objects`);
    await turn(shown);
  }
  return declared;
}
