import type { ObjectKey } from '@plumb/api';
import { settleAll } from '../runtime/parallel.ts';
import type { ActionContext } from './context.ts';
import type { StoredRelease } from './storage.ts';

/**
 * Whether all that is there of these objects was made after a record of the release was stored, by the clock of the API server that made both. What was there
 * before was taken over. What cannot be read may have been.
 */
export async function wereMadeSince(
  { metadata }: Pick<StoredRelease, 'metadata'>,
  keys: readonly ObjectKey[],
  { cluster, parallel, signal }: Pick<ActionContext, 'cluster' | 'parallel' | 'signal'>,
): Promise<boolean> {
  const since = Date.parse(metadata.creationTimestamp ?? '');
  const answers = await settleAll(keys, parallel, async (key) => {
    const live = (await cluster.resource(key)) === null ? null : await cluster.get(key, { signal });
    return live === null || Date.parse(live.metadata.creationTimestamp ?? '') >= since;
  });
  return answers.every((answer) => answer.ok && answer.value);
}
