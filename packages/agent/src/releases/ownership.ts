import type { ObjectKey } from '@plumb/api';
import { displayKey, HELM_APPLY_MANAGER, keyId, userError } from '@plumb/api';
import { isSameUnit, ownerOf } from '@plumb/core';
import { settleAll } from '../runtime/parallel.ts';
import type { ActionContext } from './context.ts';
import { foreignMarks } from './marks.ts';
import type { ReleaseRecord } from './record.ts';

/**
 * With disableTakeOwnership: an object that is there, and neither of this release nor of an earlier version of it, is not touched (helm
 * pkg/action/validate.go). @throws PlumbError that names it
 */
export async function refuseForeign(
  action: string,
  { keys, known }: { keys: readonly ObjectKey[]; known: readonly ObjectKey[] },
  record: Pick<ReleaseRecord, 'name' | 'namespace'>,
  context: Pick<ActionContext, 'cluster' | 'parallel' | 'signal'> & { unit: Pick<ActionContext['unit'], 'ref'> },
): Promise<void> {
  const { cluster, unit, parallel, signal } = context;
  const before = new Set(known.map(keyId));
  const fresh = keys.filter((key) => !before.has(keyId(key)));
  const answers = await settleAll(fresh, parallel, async (key) => {
    if ((await cluster.resource(key)) === null) return;
    const object = await cluster.get(key, { signal });
    if (object === null || isSameUnit(ownerOf(object, HELM_APPLY_MANAGER), unit.ref)) return;
    const flaws = foreignMarks(object, record);
    if (flaws === null) return;
    const text = `unable to continue with ${action}: ${displayKey(key)} exists and cannot be imported into the current release: invalid ownership metadata; ${flaws}`;
    throw userError('apply-failed', text);
  });
  for (const answer of answers) if (!answer.ok) throw answer.error;
}
