import { asPlumbError, HELM_APPLY_MANAGER, type KubeObject, type ObjectKey } from '@plumb/api';
import { allowsPruning, rulesOf } from '@plumb/core';
import { settleAll } from '../runtime/parallel.ts';
import type { ActionContext } from './context.ts';
import type { StoredRelease } from './storage.ts';

/**
 * Whether a release takes nothing with it that was there before a record of it was stored, by the clock of the API server that made both: that was taken over.
 * What asks to stay does not go. Of what may not be read nobody knows: that alone is no reason to ask.
 */
export async function takesOnlyMadeSince(
  { metadata }: Pick<StoredRelease, 'metadata'>,
  keys: readonly ObjectKey[],
  { cluster, parallel, signal }: Pick<ActionContext, 'cluster' | 'parallel' | 'signal'>,
): Promise<boolean> {
  const since = Date.parse(metadata.creationTimestamp ?? '');
  const answers = await settleAll(keys, parallel, async (key) => {
    const live = (await cluster.resource(key)) === null ? null : await cluster.get(key, { signal });
    return live === null || wasMadeSince(live, since) || !allowsPruning(rulesOf(live, HELM_APPLY_MANAGER));
  });
  return answers.every((answer) => (answer.ok ? answer.value : asPlumbError(answer.error).code === 'api-forbidden'));
}

function wasMadeSince({ metadata }: KubeObject, since: number): boolean {
  return Date.parse(metadata.creationTimestamp ?? '') >= since;
}
