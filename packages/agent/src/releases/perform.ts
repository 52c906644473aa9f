import type { ObjectKey, PlumbError, ReleaseSnapshot } from '@plumb/api';
import { asPlumbError, parseJson, systemError } from '@plumb/api';
import type { JsonObject } from '@plumb/api';
import {
  installOptionsOf,
  isPending,
  maxHistoryOf,
  pendingAction,
  releaseNamespaceOf,
  rollbackOptionsOf,
  testFailuresCount,
  testOptionsOf,
  testsFor,
  uninstallOptionsOf,
  unionOfKeys,
  unlockedBy,
  upgradeOptionsOf,
} from '@plumb/core';
import type { ActionName, HelmStatus, InstallOptions, LastRelease, ServerSide, UpgradeOptions } from '@plumb/core';
import type { RenderedRelease } from '@plumb/render';
import type { Change } from '../delivery/apply.ts';
import type { DriftNote } from '../delivery/drift.ts';
import type { StoredBundle } from '../delivery/unit.ts';
import type { ActionContext } from './context.ts';
import { correct } from './correct.ts';
import { applyDefinitions } from './definitions.ts';
import { deploy, type Deployed, type Deployment } from './deploy.ts';
import { refuseForeign } from './ownership.ts';
import type { HookRecord, ReleaseRecord } from './record.ts';
import { removeRelease } from './remove-release.ts';
import { bundleOf, keysOf, render, stored } from './render.ts';
import { runHooks } from './run-hooks.ts';
import { lastOf, snapshotOf, testHooksOf } from './snapshots.ts';
import type { StoredRelease } from './storage.ts';
import type { Desired } from './wanted.ts';

/** What is to be done to a release, and what is known of it. */
export interface Task {
  action: ActionName;
  /** Of a rollback: the number of the record it goes to. */
  to: number | null;
  desired: Desired | null;
  /** Reads the newest record, once. */
  last: () => Promise<StoredRelease | null>;
  /** What the status says the release owns. */
  owned: readonly ObjectKey[];
  /** Records in storage, where that is known. */
  count: number | null;
}

/** How it ended. */
export interface TaskEnd {
  action: ActionName;
  error: PlumbError | null;
  /** Whether a record, or of tests any run, tells of it. */
  stored: boolean;
  /** Snapshots of the records that were written, the newest first. */
  snapshots: readonly ReleaseSnapshot[];
  /** The newest record now; null: there is none. Undefined: it is as it was. */
  last?: LastRelease | null;
  /** What the release is held to now; undefined: as before, null: nothing. */
  bundle?: StoredBundle | null;
  /** What it owns now; undefined: as before. */
  inventory?: readonly ObjectKey[];
  changes: readonly Change[];
  drift: readonly DriftNote[];
  /** Tests that were run. */
  tests: number;
  /** Status of the record that was unlocked. */
  unlocked?: HelmStatus;
  /** What the render warned of. */
  warnings: readonly string[];
  /** Milliseconds. */
  took: number;
}

const NOTHING_DONE = { stored: false, snapshots: [], changes: [], drift: [], tests: 0, warnings: [] } as const;

/** Does one thing to a release. Never throws: what went wrong is told. */
export async function perform(task: Task, context: ActionContext): Promise<TaskEnd> {
  const startedAt = context.clock.now();
  const took = (): number => context.clock.now() - startedAt;
  try {
    return { ...(await PERFORMERS[task.action](task, context)), action: task.action, took: took() };
  } catch (thrown) {
    const error = context.signal.aborted
      ? systemError('cancelled', 'the action was cut short', thrown)
      : asPlumbError(thrown);
    return { ...NOTHING_DONE, action: task.action, error, took: took() };
  }
}

type Ended = Omit<TaskEnd, 'action' | 'took'>;

const PERFORMERS = {
  install: (task, context) => bringDesired(task, 'install', installOptionsOf(context.release.spec), context),
  upgrade: (task, context) => bringDesired(task, 'upgrade', upgradeOptionsOf(context.release.spec), context),
  rollback,
  unlock,
  test,
  correct: (task, context) => correct(() => lastIn(task), context),
  uninstall,
  'uninstall-remediation': uninstall,
} as const satisfies Record<ActionName, (task: Task, context: ActionContext) => Promise<Ended>>;

async function lastIn(task: Task): Promise<StoredRelease> {
  const last = await task.last();
  if (last === null) throw systemError('internal', 'there is no release to work on');
  return last;
}

function desiredIn({ desired }: Task): Desired {
  if (desired === null) throw systemError('internal', 'nothing is declared');
  return desired;
}

async function bringDesired(
  task: Task,
  action: 'install' | 'upgrade',
  options: InstallOptions | UpgradeOptions,
  context: ActionContext,
): Promise<Ended> {
  const desired = desiredIn(task);
  const last = await task.last();
  const isUpgrade = action === 'upgrade' && last !== null;
  const version = (last?.record.version ?? 0) + 1;
  const keptValues = 'preserveValues' in options && options.preserveValues ? (last?.record ?? null) : null;
  const wish = { revision: version, isUpgrade, validateSchema: options.validateSchema, keptValues };
  let rendered = await render(desired, wish, context);
  // What a chart defines itself, its templates may ask for.
  if (await applyDefinitions(rendered, options.crds, context)) rendered = await render(desired, wish, context);
  const record = recordOf(desired, rendered, { version, before: isUpgrade ? last.record : null }, context);
  record.apply_method = methodOf(options.serverSide, isUpgrade ? last.record : null);
  const before = await ownedKeys(task, isUpgrade, context);
  const keys = rendered.bundle.objects.map(({ key }) => key);
  if (!options.takeOwnership) await refuseForeign(action, { keys, known: before }, record, context);
  if ('createNamespace' in options && options.createNamespace) await createNamespace(context);
  const bundle = stored(rendered.bundle, record);
  const superseded = isUpgrade ? await supersededBy(last, context) : [];
  await makeRoom(last, task.count, context);
  const isInstall = !isUpgrade;
  const ended = await deploy(
    {
      record,
      bundle,
      loadBodies: () => Promise.resolve(),
      hooks: options.hooks ? hookEvents(isInstall ? 'install' : 'upgrade') : null,
      before,
      superseded,
      timeout: options.timeout,
      wait: options.wait,
      waitForJobs: options.waitForJobs,
      force: 'force' in options && options.force,
      cleanupOnFail: 'cleanupOnFail' in options && options.cleanupOnFail,
      done: isInstall ? 'Install complete' : 'Upgrade complete',
    },
    context,
  );
  const told = await deployedEnd(ended, { action, ociDigest: desired.chart.ociDigest, bundle }, context);
  return { ...told, warnings: rendered.bundle.warnings };
}

function hookEvents(what: 'install' | 'upgrade' | 'rollback'): NonNullable<Deployment['hooks']> {
  return { before: `pre-${what}`, after: `post-${what}` };
}

/** Helm 4's mark of how a release is applied. Here it is by the server always; the mark is for whoever takes the release over. */
function methodOf(wish: boolean | ServerSide, before: ReleaseRecord | null): 'ssa' | 'csa' {
  if (typeof wish === 'boolean') return wish ? 'ssa' : 'csa';
  if (wish === 'auto') return before === null ? 'ssa' : (before.apply_method ?? 'csa');
  return wish === 'enabled' ? 'ssa' : 'csa';
}

function recordOf(
  { wanted }: Desired,
  rendered: RenderedRelease,
  { version, before }: { version: number; before: ReleaseRecord | null },
  { release, clock }: ActionContext,
): ReleaseRecord {
  const now = new Date(clock.time()).toISOString();
  const config = parseJson(rendered.config) as JsonObject;
  return {
    name: wanted.releaseName,
    info: {
      first_deployed: before?.info.first_deployed ?? now,
      last_deployed: now,
      description: before === null ? 'Initial install underway' : 'Preparing upgrade',
      status: before === null ? 'pending-install' : 'pending-upgrade',
      ...(rendered.notes === '' ? {} : { notes: rendered.notes }),
    },
    chart: parseJson(rendered.chartJson) as unknown as NonNullable<ReleaseRecord['chart']>,
    // Helm writes nothing of what is empty.
    ...(Object.keys(config).length === 0 ? {} : { config }),
    ...(rendered.manifest === '' ? {} : { manifest: rendered.manifest }),
    ...(rendered.hooks.length === 0 ? {} : { hooks: rendered.hooks.map(hookRecord) }),
    version,
    namespace: releaseNamespaceOf(release),
    ...(before?.labels === undefined ? {} : { labels: before.labels }),
  };
}

function hookRecord(hook: RenderedRelease['hooks'][number]): HookRecord {
  const { name, kind, path, manifest, events, weight, deletePolicies, outputLogPolicies } = hook;
  return {
    name,
    kind,
    path,
    manifest,
    events,
    last_run: { phase: '' },
    ...(weight === 0 ? {} : { weight }),
    ...(deletePolicies.length === 0 ? {} : { delete_policies: deletePolicies }),
    ...(outputLogPolicies.length === 0 ? {} : { output_log_policies: outputLogPolicies }),
  };
}

/** All that earlier versions of the release may have made: by the status, by its newest record, and by the one that is in force. */
async function ownedKeys(task: Task, isUpgrade: boolean, context: ActionContext): Promise<ObjectKey[]> {
  const { owned } = task;
  const last = await task.last();
  if (last === null || !isUpgrade) return unionOfKeys(owned);
  const newest = await keysOf(last.record, context);
  if (last.record.info.status === 'deployed') return unionOfKeys(owned, newest);
  const inForce = await context.store.deployed(last.record.name);
  return unionOfKeys(owned, newest, inForce === null ? [] : await keysOf(inForce.record, context));
}

/** The records a new one takes the place of: those that say they are in force. */
async function supersededBy(last: StoredRelease, { store }: ActionContext): Promise<StoredRelease[]> {
  if (last.record.info.status === 'deployed') return [last];
  const inForce = await store.deployed(last.record.name);
  return inForce === null ? [] : [inForce];
}

/** Helm keeps so many records, the new one included. */
async function makeRoom(
  last: StoredRelease | null,
  count: number | null,
  { release, store }: ActionContext,
): Promise<void> {
  const most = maxHistoryOf(release.spec);
  if (last === null || most === 0 || (count !== null && count < most)) return;
  await store.prune(last.record.name, most - 1);
}

async function createNamespace({ release, cluster, signal }: ActionContext): Promise<void> {
  const name = releaseNamespaceOf(release);
  const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name };
  if ((await cluster.get(key, { signal })) !== null) return;
  // As Helm labels it.
  const metadata = { name, labels: { name } };
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata }, { signal });
}

/** What is told of a release that was to be brought into force. */
async function deployedEnd(
  { records, changes, inventory, error }: Deployed,
  what: { action: ReleaseSnapshot['action'] & string; ociDigest: string; bundle: StoredBundle },
  context: ActionContext,
): Promise<Ended> {
  const [newest] = records;
  const snapshots = await Promise.all(
    records.map((record, index) => {
      const more = index === 0 ? { action: what.action, ociDigest: what.ociDigest } : {};
      return snapshotOf(record, more, context);
    }),
  );
  return {
    error,
    stored: records.length > 0,
    snapshots,
    ...(newest === undefined ? {} : { last: lastOf(newest, snapshots[0]) }),
    bundle: error === null ? what.bundle : null,
    inventory,
    changes,
    drift: [],
    tests: 0,
    warnings: [],
  };
}

async function rollback(task: Task, context: ActionContext): Promise<Ended> {
  const { release, store, clock } = context;
  const last = await lastIn(task);
  const { record: newest } = last;
  const target = await store.get(newest.name, task.to ?? 0);
  if (target === null)
    throw systemError(
      'apply-failed',
      `release ${newest.namespace}/${newest.name}.v${task.to ?? 0} is not in storage any more`,
    );
  const options = rollbackOptionsOf(release.spec);
  const { record: old } = target;
  const now = new Date(clock.time()).toISOString();
  const record: ReleaseRecord = {
    ...old,
    version: newest.version + 1,
    info: {
      ...old.info,
      first_deployed: newest.info.first_deployed ?? now,
      last_deployed: now,
      status: 'pending-rollback',
      description: `Rollback to ${old.version}`,
    },
    ...(old.hooks === undefined ? {} : { hooks: old.hooks.map((hook) => ({ ...hook, last_run: { phase: '' } })) }),
    apply_method: methodOf(options.serverSide, old),
  };
  delete record.info.deleted;
  const before = await ownedKeys(task, true, context);
  const bundle = stored(await bundleOf(record, context), record);
  const superseded = await supersededBy(last, context);
  await makeRoom(last, task.count, context);
  const ended = await deploy(
    {
      record,
      bundle,
      loadBodies: () => Promise.resolve(),
      hooks: options.hooks ? hookEvents('rollback') : null,
      before,
      superseded,
      timeout: options.timeout,
      wait: options.wait,
      waitForJobs: options.waitForJobs,
      force: options.force,
      cleanupOnFail: options.cleanupOnFail,
      done: `Rollback to ${old.version}`,
    },
    context,
  );
  return deployedEnd(ended, { action: 'rollback', ociDigest: '', bundle }, context);
}

/** Nobody who is alive works on the release: what its record waits for will never come. */
async function unlock(task: Task, context: ActionContext): Promise<Ended> {
  const last = await lastIn(task);
  const { status = 'unknown' } = last.record.info;
  if (!isPending(status)) throw systemError('internal', `a release in status '${status}' is not locked`);
  const info = { ...last.record.info, status: 'failed' as const, description: unlockedBy(status) };
  const record = { ...last.record, info };
  await context.store.update(last, record);
  const action = pendingAction(status);
  const snapshot = await snapshotOf(record, action === undefined ? {} : { action }, context);
  const inventory = unionOfKeys(task.owned, await keysOf(record, context));
  return {
    ...NOTHING_DONE,
    error: null,
    stored: true,
    snapshots: [snapshot],
    last: lastOf(record, snapshot),
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
  let current = last;
  const save = async (): Promise<void> => {
    current = await store.update(current, record);
  };
  let error: PlumbError | null = null;
  try {
    await runHooks({ record, hooks, timeout, save }, context);
  } catch (thrown) {
    error = asPlumbError(thrown);
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
    last: lastOf(record, snapshot),
    tests: ran,
  };
}

async function uninstall(task: Task, context: ActionContext): Promise<Ended> {
  const last = await lastIn(task);
  const keys = await ownedKeys(task, true, context);
  const options = uninstallOptionsOf(context.release.spec);
  const { record, changes, inventory, error } = await removeRelease(last, keys, options, context);
  const action = task.action === 'uninstall' ? 'uninstall' : 'uninstall-remediation';
  const snapshot = await snapshotOf(record, { action }, context);
  const isStored = options.keepHistory || error !== null;
  return {
    ...NOTHING_DONE,
    error,
    stored: true,
    snapshots: [snapshot],
    last: isStored ? lastOf(record, snapshot) : null,
    bundle: null,
    inventory,
    changes,
  };
}
