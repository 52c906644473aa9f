import { PlumbError, reworded, systemError } from '@plumb/api';
import {
  isPending,
  latestSnapshot,
  pendingAction,
  releaseTimeoutOf,
  testFailuresCount,
  testOptionsOf,
  testsFor,
  uninstallOptionsOf,
  unionOfKeys,
  unlockedBy,
} from '@plumb/core';
import type { ActionName } from '@plumb/core';
import type { DriftNote } from '../delivery/drift.ts';
import { hidingSecrets } from '../delivery/hide-secrets.ts';
import { install, ownedKeys, rollback, upgrade } from './bring-in.ts';
import { failureOf, Superseded, type ActionContext } from './context.ts';
import { heedLockdowns, hookKeys, passReleaseGate, secretOf } from './gate.ts';
import { correct } from './correct.ts';
import { takesOnlyMadeSince } from './made-since.ts';
import { chartOf, type ReleaseRecord } from './record.ts';
import { removeObjects, removeRelease } from './remove-release.ts';
import { keysOf } from './render.ts';
import { endHooks, runHooks } from './run-hooks.ts';
import { lastOf, snapshotOf, testHooksOf } from './snapshots.ts';
import { lastIn, NOTHING_DONE, type Ended, type Task, type TaskEnd } from './task.ts';

/** Does one thing to a release. Never throws: what went wrong is told. */
export async function perform(task: Task, context: ActionContext): Promise<TaskEnd> {
  const startedAt = context.clock.now();
  const { action, to, desired } = task;
  const about = ({ error }: Ended) => ({
    action,
    to,
    wanted: desired?.wanted ?? null,
    took: context.clock.now() - startedAt,
    ...(error?.code === 'cancelled' && context.signal.reason instanceof Superseded
      ? { trigger: context.signal.reason.trigger }
      : {}),
  });
  const ended = await PERFORMERS[action](task, context).catch((thrown: unknown): Ended => ({
    ...NOTHING_DONE,
    error: failureOf(thrown, context),
  }));
  return { ...withoutSecrets(ended, context), ...about(ended) };
}

/** Whatever an action tells comes by here (I8). */
function withoutSecrets(ended: Ended, { secrets }: ActionContext): Ended {
  const { error, drift, found } = ended;
  const isSilent = error === null && drift.length === 0 && found.length === 0;
  if (isSilent || secrets.length === 0) return ended;
  const hide = hidingSecrets(secrets);
  const hidden = (notes: readonly DriftNote[]): DriftNote[] =>
    notes.map((note) => ({ ...note, paths: note.paths.map(hide) }));
  return { ...ended, error: error && reworded(error, hide(error.message)), drift: hidden(drift), found: hidden(found) };
}

const PERFORMERS = {
  install,
  upgrade,
  rollback,
  unlock,
  test,
  correct: (task, context) => correct(() => lastIn(task), context),
  uninstall,
  'uninstall-remediation': uninstall,
} as const satisfies Record<ActionName, (task: Task, context: ActionContext) => Promise<Ended>>;

/** Nobody who is alive works on the release: what its record waits for will never come. */
async function unlock(task: Task, context: ActionContext): Promise<Ended> {
  const last = await lastIn(task);
  const { status = 'unknown' } = last.record.info;
  if (!isPending(status)) throw systemError('internal', `a release in status '${status}' is not locked`);
  await heedLockdowns(context.gates, 'routine', [secretOf(last)]);
  const info = { ...last.record.info, status: 'failed' as const, description: unlockedBy(status) };
  const hooks = (last.record.hooks ?? []).map((hook) => ({ ...hook }));
  // What cannot be deleted now must not keep the release locked.
  const timeout = releaseTimeoutOf(context.release.spec);
  await endHooks({ record: { ...last.record, hooks }, timeout }, context).catch(() => undefined);
  const record = { ...last.record, info, hooks };
  const stored = await context.store.update(last, record).catch((thrown: unknown) => failureOf(thrown, context));
  if (stored instanceof PlumbError) {
    const { namespace, name, version } = record;
    const { name: chartName, version: chartVersion } = chartOf(record);
    return {
      ...NOTHING_DONE,
      error: stored,
      unlocked: status,
      target: { namespace, name, version, chartName, chartVersion },
    };
  }
  const action = pendingAction(status);
  const snapshot = await snapshotOf(record, action === undefined ? {} : { action }, context);
  const inventory = unionOfKeys(task.owned, await keysOf(record, context));
  return {
    ...NOTHING_DONE,
    error: null,
    stored: true,
    snapshots: [snapshot],
    last: lastOf(stored, snapshot),
    bundle: null,
    inventory,
    unlocked: status,
  };
}

async function test(task: Task, context: ActionContext): Promise<Ended> {
  const last = await lastIn(task);
  const { release, store } = context;
  const { timeout, filters } = testOptionsOf(release.spec);
  const record: ReleaseRecord = { ...last.record, hooks: (last.record.hooks ?? []).map((hook) => ({ ...hook })) };
  const hooks = testsFor(record.hooks ?? [], filters);
  if (hooks.length > 0)
    await heedLockdowns(context.gates, 'routine', [secretOf(last), ...(await hookKeys(hooks, context))]);
  let current = last;
  const save = async (): Promise<void> => {
    current = await store.update(current, record);
  };
  let error: PlumbError | null = null;
  try {
    await runHooks({ record, hooks, timeout, save, isStored: true }, context);
  } catch (thrown) {
    error = failureOf(thrown, context);
    if (error.code === 'cancelled') throw error;
  }
  if (hooks.length > 0) await save();
  const ran = hooks.filter(({ last_run: { phase } }) => phase !== '').length;
  const snapshot = { ...(await snapshotOf(record, {}, context)), testHooks: testHooksOf(hooks) };
  return {
    ...NOTHING_DONE,
    error,
    stored: ran > 0 && (error === null || testFailuresCount(release)),
    snapshots: [snapshot],
    last: lastOf({ ...current, record }, snapshot),
    tests: ran,
  };
}

async function uninstall(task: Task, context: ActionContext): Promise<Ended> {
  const last = await task.last();
  if (last === null) return uninstallUnstored(task, context);
  const keys = await ownedKeys(task, last, context);
  const isRemedy = task.action === 'uninstall-remediation';
  // What a failed install made goes as it came; anything else, such as what it took over, may hold what nobody wants to lose.
  const isFirst = isRemedy && last.record.version === 1;
  const isGuarded = isFirst && (await context.gates?.keeper.isOnGuard()) === true;
  const isOfInstall = isFirst && (!isGuarded || (await takesOnlyMadeSince(last, keys, context)));
  const cause = isOfInstall ? 'rollback' : 'prune';
  const options = { ...uninstallOptionsOf(context.release.spec), isRemedy };
  const running = options.hooks ? (['pre-delete', 'post-delete'] as const) : [];
  const hooks = { running, recorded: last.record.hooks ?? [] };
  const passage = await passReleaseGate({ cause, wanted: null, owned: keys, hooks }, context);
  const { last: removed, changes, inventory, error } = await removeRelease(last, keys, options, context);
  await passage?.ended(error);
  const action = isRemedy ? 'uninstall-remediation' : 'uninstall';
  const snapshot = await snapshotOf(removed.record, { action }, context);
  const isStored = options.keepHistory || error !== null;
  return {
    ...NOTHING_DONE,
    error,
    stored: true,
    snapshots: [snapshot],
    last: isStored ? lastOf(removed, snapshot) : null,
    bundle: null,
    inventory,
    changes,
  };
}

/** Its record is gone, as after a process that was killed when all but its word of it was done: what is still there goes. */
async function uninstallUnstored({ owned }: Task, context: ActionContext): Promise<Ended> {
  const latest = latestSnapshot(context.release.status?.history);
  if (latest === undefined) throw systemError('internal', 'there is no release to uninstall');
  const hooks = { running: [], recorded: [] };
  const passage = await passReleaseGate({ cause: 'prune', wanted: null, owned, hooks }, context);
  const { changes, kept, failures } = await removeObjects(
    owned,
    latest,
    uninstallOptionsOf(context.release.spec),
    context,
  );
  const error = failures.length === 0 ? null : systemError('prune-failed', failures.join('\n'));
  await passage?.ended(error);
  return { ...NOTHING_DONE, error, last: null, bundle: null, inventory: kept, changes };
}
