import type { ObjectKey, PlumbError } from '@plumb/api';
import { displayKey, formatDuration, keyId, PlumbError as Failure, systemError } from '@plumb/api';
import type { UninstallOptions } from '@plumb/core';
import type { Change } from '../delivery/apply.ts';
import { prune } from '../delivery/prune.ts';
import { failureOf, type ActionContext } from './context.ts';
import { withStatus } from './deploy.ts';
import { ownedBy } from './marks.ts';
import type { ReleaseRecord } from './record.ts';
import { endHooks, runHooksOf } from './run-hooks.ts';
import type { ReleaseStore, StoredRelease } from './storage.ts';

/** How uninstalling ended. */
export interface Removed {
  /** The record as it was last, whether it is still stored or not. */
  last: StoredRelease;
  changes: readonly Change[];
  /** What could not be deleted. */
  inventory: readonly ObjectKey[];
  error: PlumbError | null;
}

const PROPAGATION = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

/**
 * Uninstalls a release: hooks, its objects in reverse order, hooks, its records. What a rule of the chart keeps (`helm.sh/resource-policy`), and what carries
 * no mark of it any more, stays.
 * @param keys all the release may have made, by its records and by the status
 */
export async function removeRelease(
  last: StoredRelease,
  keys: readonly ObjectKey[],
  { isRemedy, ...options }: UninstallOptions & { isRemedy: boolean },
  context: ActionContext,
): Promise<Removed> {
  const { store, clock, job, live } = context;
  let stored = last;
  let record = withStatus(last.record, 'uninstalling');
  record.info.description = 'Deletion in progress (or silently failed)';
  const save = async (): Promise<void> => {
    stored = await store.update(stored, record);
  };
  let changes: readonly Change[] = [];
  let kept: readonly ObjectKey[] = keys;
  try {
    await endHooks({ record: last.record, timeout: options.timeout }, context);
    await save();
    if (options.hooks) await runHooksOf('pre-delete', { record, timeout: options.timeout, save }, context);
    if (options.wait) await live.watchKinds(keys);
    const pruned = await removeObjects(keys, record, options, context);
    changes = pruned.changes;
    kept = pruned.kept;
    if (pruned.failures.length > 0)
      throw new Failure('prune-failed', pruned.failures.join('\n'), { fault: 'system', policy: 'retry' });
    if (options.wait) await job.wait(awaitGone(pruned.changes, options.timeout, context));
    if (options.hooks) await runHooksOf('post-delete', { record, timeout: options.timeout, save }, context);
    record = withStatus(record, 'uninstalled');
    record.info = {
      ...record.info,
      description: 'Uninstallation complete',
      deleted: new Date(clock.time()).toISOString(),
    };
    if (options.keepHistory) {
      await supersedeOthers(record, store);
      await save();
    } else await store.purge(record.name);
    return { last: { ...stored, record }, changes, inventory: kept, error: null };
  } catch (thrown) {
    const error = failureOf(thrown, context);
    // What a remedy left half done is a failed release; what is to go is still going.
    if (isRemedy) record = withStatus(record, 'failed');
    record.info.description = `Deletion failed: ${error.message.slice(0, 4_096)}`;
    await save().catch(() => undefined);
    return { last: { ...stored, record }, changes, inventory: kept, error };
  }
}

/** What was uninstalled leaves nothing in force, whatever an older record says. */
async function supersedeOthers({ name, version }: ReleaseRecord, store: ReleaseStore): Promise<void> {
  const other = await store.deployed(name);
  if (other === null || other.record.version === version) return;
  await store.update(other, withStatus(other.record, 'superseded'));
}

/** Deletes what is a release's own of these. */
export async function removeObjects(
  keys: readonly ObjectKey[],
  named: Pick<ReleaseRecord, 'name' | 'namespace'>,
  { propagation }: Pick<UninstallOptions, 'propagation'>,
  context: ActionContext,
): ReturnType<typeof prune> {
  const { cluster, unit, parallel, signal, hidesValues } = context;
  for (const key of keys) unit.disown(keyId(key));
  unit.applied.clear();
  return prune(keys, {
    cluster,
    unit: unit.ref,
    owns: ownedBy(named),
    propagation: PROPAGATION[propagation],
    hidesValues,
    parallel,
    signal,
  });
}

async function awaitGone(changes: readonly Change[], timeout: number, { live, signal }: ActionContext): Promise<void> {
  const left = (): ObjectKey[] => changes.map(({ key }) => key).filter((key) => live.get(keyId(key)) !== undefined);
  if (await live.until(() => left().length === 0, timeout, signal)) return;
  if (signal.aborted) throw systemError('cancelled', 'the wait was cut short', signal.reason);
  const names = left().map(displayKey).join(', ');
  throw new Failure('timeout', `still there after ${formatDuration(timeout)}: ${names}`, {
    fault: 'user',
    policy: 'retry',
  });
}
