import type { JsonObject, ObjectKey, ReleaseSnapshot } from '@plumb/api';
import { asPlumbError, parseJson, systemError } from '@plumb/api';
import {
  installOptionsOf,
  madeWithAt,
  maxHistoryOf,
  releaseNamespaceOf,
  rollbackOptionsOf,
  testOptionsOf,
  unionOfKeys,
  upgradeOptionsOf,
} from '@plumb/core';
import type { HookEvent, InstallOptions, ServerSide, UpgradeOptions } from '@plumb/core';
import type { RenderedRelease } from '@plumb/render';
import type { StoredBundle } from '../delivery/unit.ts';
import type { Passage } from '../gates/gate-request.ts';
import type { ActionContext } from './context.ts';
import { applyDefinitions } from './definitions.ts';
import { deploy, type Deployed, type Deployment } from './deploy.ts';
import { passReleaseGate, rollbackChange, type ReleaseChange } from './gate.ts';
import { stored } from './in-force.ts';
import { refuseForeign } from './ownership.ts';
import { chartOf, type HookRecord, type ReleaseRecord } from './record.ts';
import { refuseUnserved } from './refuse-unserved.ts';
import { bundleOf, keysOf, render, type RenderWish } from './render.ts';
import { endHooks } from './run-hooks.ts';
import { lastOf, snapshotOf } from './snapshots.ts';
import { madeWithIn, type StoredRelease } from './storage.ts';
import { createNamespace } from './target-namespace.ts';
import { desiredIn, lastIn, NOTHING_DONE, type Ended, type Task } from './task.ts';

// Installs, upgrades and rollbacks: what brings a release into force.

interface Options extends Omit<InstallOptions, 'serverSide'>, Omit<UpgradeOptions, 'serverSide'> {
  serverSide: boolean | ServerSide;
}

/** What passed the gates, and is to be told how it ends. */
interface Passing {
  passage: Passage | null;
}

/** The newest record, and the one that is upgraded; null: there is none. */
interface Before {
  last: StoredRelease | null;
  before: StoredRelease | null;
}

/** What only one of both actions can be told. */
const NO_EXTRAS = { createNamespace: false, force: false, preserveValues: false, cleanupOnFail: false };

export function install(task: Task, context: ActionContext): Promise<Ended> {
  return bringDesired(task, 'install', { ...NO_EXTRAS, ...installOptionsOf(context.release.spec) }, context);
}

/** An upgrade may be what mends a failed install, which its namespace may have failed for. */
export async function upgrade(task: Task, context: ActionContext): Promise<Ended> {
  const { spec } = context.release;
  const isInForce = (await task.last())?.record.info.status === 'deployed';
  const createNamespace = !isInForce && installOptionsOf(spec).createNamespace;
  return bringDesired(task, 'upgrade', { ...NO_EXTRAS, ...upgradeOptionsOf(spec), createNamespace }, context);
}

async function bringDesired(
  task: Task,
  action: 'install' | 'upgrade',
  options: Options,
  context: ActionContext,
): Promise<Ended> {
  const passing: Passing = { passage: null };
  try {
    const ended = await bringRendered(task, { action, options, passing }, context);
    if (ended.error === null) context.unit.replacing.clear();
    await passing.passage?.ended(ended.error);
    return ended;
  } catch (thrown) {
    await passing.passage?.ended(asPlumbError(thrown));
    throw thrown;
  }
}

async function bringRendered(
  task: Task,
  { action, options, passing }: { action: 'install' | 'upgrade'; options: Options; passing: Passing },
  context: ActionContext,
): Promise<Ended> {
  const { chart } = desiredIn(task);
  const last = await task.last();
  const before = action === 'upgrade' ? last : null;
  const owned = await ownedKeys(task, before, context);
  const { record, rendered } = await prepare(task, { last, before, owned, passing }, options, {
    ...context,
    stageTimeout: Math.min(context.stageTimeout, options.timeout),
  });
  const keys = rendered.bundle.objects.map(({ key }) => key);
  if (!options.takeOwnership) await refuseForeign(action, { keys, known: owned }, record, context);
  if (options.createNamespace) await createNamespace(context);
  const bundle = stored(rendered.bundle, record, context.release);
  const superseded = await supersededBy(before, last, context);
  const isUpgrade = before !== null;
  // Tests of the one before may have been cut short.
  if (before !== null) await endHooks({ record: before.record, timeout: options.timeout }, context);
  const deployment: Deployment = {
    ...options,
    action,
    record,
    isSound: isSound(last),
    madeWith: desiredIn(task).wanted,
    makeRoom: () => makeRoom(last, task.count, context),
    bundle,
    loadBodies: () => Promise.resolve(),
    hooks: options.hooks ? hookEvents(isUpgrade ? 'upgrade' : 'install') : null,
    before: owned,
    superseded,
    done: isUpgrade ? 'Upgrade complete' : 'Install complete',
  };
  const { warnings, secrets } = rendered.bundle;
  // What its templates looked up is in its objects.
  const ended = await deploy(deployment, { ...context, secrets });
  const told = await deployedEnd(ended, { action, ociDigest: chart.ociDigest, bundle }, context);
  return { ...told, warnings };
}

/** What the templates looked up in Secrets is in what they rendered. */
function passRendered(
  rendered: RenderedRelease,
  change: Pick<ReleaseChange, 'owned' | 'makesNamespace' | 'hooks'>,
  context: ActionContext,
): Promise<Passage | null> {
  const { secrets } = rendered.bundle;
  return passReleaseGate({ ...change, cause: 'routine', wanted: rendered }, { ...context, secrets });
}

/** Renders what is declared, and what is to be stored of it. What a chart defines itself, its templates may ask for. */
async function prepare(
  task: Task,
  { last, before, owned, passing }: Before & { owned: readonly ObjectKey[]; passing: Passing },
  options: Options,
  context: ActionContext,
): Promise<{ record: ReleaseRecord; rendered: RenderedRelease }> {
  const desired = desiredIn(task);
  const { serverSide, crds, createNamespace: makesNamespace } = options;
  const keptValues = options.preserveValues && before !== null ? await inForceOr(before, context) : null;
  const wish = { ...wishOf({ last, before }, options), keptValues };
  const { revision: version } = wish;
  let rendered = await render(desired, wish, context);
  // Definitions that are left out are no part of the change.
  const running = eventsWith(options.hooks ? hookEvents(wish.isUpgrade ? 'upgrade' : 'install') : null, context);
  const change = { owned, makesNamespace, hooks: { running, recorded: last?.record.hooks ?? [] } };
  const brought = (): RenderedRelease => (crds === 'Skip' ? { ...rendered, crds: [] } : rendered);
  passing.passage = await passRendered(brought(), change, context);
  if (await applyDefinitions(rendered, crds, context)) {
    rendered = await render(desired, wish, context);
    // What the chart makes of its own definitions may be something else than what passed.
    passing.passage = null;
    passing.passage = await passRendered(brought(), change, context);
  }
  await refuseUnserved(rendered.bundle, context);
  const record = recordOf(
    rendered,
    { name: desired.wanted.releaseName, version, before: before?.record ?? null },
    context,
  );
  record.apply_method = methodOf(serverSide, before?.record ?? null);
  return { record, rendered };
}

/** What the next record is rendered with. `last` is the newest one, `before` the one that is upgraded; null: there is none. */
export function wishOf(
  { last, before }: { last: StoredRelease | null; before: StoredRelease | null },
  { validateSchema, preserveValues, timeout }: Pick<Options, 'validateSchema' | 'preserveValues' | 'timeout'>,
): RenderWish {
  return {
    revision: (last?.record.version ?? 0) + 1,
    isUpgrade: before !== null,
    validateSchema,
    timeout,
    keptValues: preserveValues ? (before?.record ?? null) : null,
  };
}

/** A release as it is stored before anything else is done. */
function recordOf(
  { notes, manifest, chartJson, config, hooks }: RenderedRelease,
  { name, version, before }: { name: string; version: number; before: ReleaseRecord | null },
  { release, clock }: ActionContext,
): ReleaseRecord {
  const now = new Date(clock.time()).toISOString();
  return {
    name,
    info: {
      first_deployed: before?.info.first_deployed ?? now,
      last_deployed: now,
      description: before === null ? 'Initial install underway' : 'Preparing upgrade',
      status: before === null ? 'pending-install' : 'pending-upgrade',
      ...(notes === '' ? {} : { notes }),
    },
    chart: parseJson(chartJson) as unknown as NonNullable<ReleaseRecord['chart']>,
    // Helm writes nothing of what is empty.
    ...(config === '{}' ? {} : { config: parseJson(config) as JsonObject }),
    ...(manifest === '' ? {} : { manifest }),
    ...(hooks.length === 0 ? {} : { hooks: hooks.map(hookRecord) }),
    version,
    namespace: releaseNamespaceOf(release),
    ...(before?.labels === undefined ? {} : { labels: before.labels }),
  };
}

function hookEvents(what: 'install' | 'upgrade' | 'rollback'): NonNullable<Deployment['hooks']> {
  return { before: `pre-${what}`, after: `post-${what}` };
}

/** All hooks that run with an action, those of the tests that come after it included. */
function eventsWith(around: Deployment['hooks'], { release }: Pick<ActionContext, 'release'>): HookEvent[] {
  const { enable: isTested } = testOptionsOf(release.spec);
  return [...Object.values(around ?? {}), ...(isTested ? (['test'] as const) : [])];
}

/** Helm 4's mark of how a release is applied. Here it is by the server always; the mark is for whoever takes the release over. */
function methodOf(wish: boolean | ServerSide, before: ReleaseRecord | null): 'ssa' | 'csa' {
  if (typeof wish === 'boolean') return wish ? 'ssa' : 'csa';
  if (wish === 'auto') return before === null ? 'ssa' : (before.apply_method ?? 'csa');
  return wish === 'enabled' ? 'ssa' : 'csa';
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
export async function ownedKeys(
  { owned }: Pick<Task, 'owned'>,
  last: StoredRelease | null,
  context: Pick<ActionContext, 'release' | 'cluster' | 'store'>,
): Promise<ObjectKey[]> {
  if (last === null) return unionOfKeys(owned);
  const newest = await keysOf(last.record, context);
  if (last.record.info.status === 'deployed') return unionOfKeys(owned, newest);
  const inForce = await context.store.deployed(last.record.name);
  return unionOfKeys(owned, newest, inForce === null ? [] : await keysOf(inForce.record, context));
}

/** The values that are kept are those of the release in force; where none is, of the newest one. */
async function inForceOr(last: StoredRelease, { store }: ActionContext): Promise<ReleaseRecord> {
  if (last.record.info.status === 'deployed') return last.record;
  return (await store.deployed(last.record.name))?.record ?? last.record;
}

/** Whether all that is there of a release is in its newest record. */
function isSound(last: StoredRelease | null): boolean {
  const { status = 'unknown' } = last?.record.info ?? { status: 'uninstalled' };
  return status === 'deployed' || status === 'uninstalled';
}

/** The records a new one takes the place of: those that say they are in force, and the one whose name an install uses again. */
async function supersededBy(
  before: StoredRelease | null,
  last: StoredRelease | null,
  { store }: ActionContext,
): Promise<StoredRelease[]> {
  if (last === null) return [];
  if (before === null || before.record.info.status === 'deployed') return [last];
  const inForce = await store.deployed(last.record.name);
  return inForce === null ? [] : [inForce];
}

/** Helm keeps so many records, the new one included. `count`: how many there were before. */
async function makeRoom(
  last: StoredRelease | null,
  count: number | null,
  { release, store }: ActionContext,
): Promise<void> {
  const most = maxHistoryOf(release.spec);
  if (last === null || most === 0 || (count !== null && count < most)) return;
  await store.prune(last.record.name, most);
}

/** What is told of a release that was to be brought into force. */
async function deployedEnd(
  { records, changes, inventory, error }: Deployed,
  what: { action: ReleaseSnapshot['action'] & string; ociDigest: string; bundle: StoredBundle },
  context: ActionContext,
): Promise<Ended> {
  const [newest] = records;
  const snapshots = await Promise.all(
    records.map(({ record }, index) => {
      const more = index === 0 ? { action: what.action, ociDigest: what.ociDigest } : {};
      return snapshotOf(record, more, context);
    }),
  );
  return {
    ...NOTHING_DONE,
    error,
    stored: records.length > 0,
    snapshots,
    ...(newest === undefined ? {} : { last: lastOf(newest, snapshots[0]) }),
    bundle: error === null ? what.bundle : null,
    inventory,
    changes,
  };
}

export async function rollback(task: Task, context: ActionContext): Promise<Ended> {
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
  const before = await ownedKeys(task, last, context);
  const bundle = stored(await bundleOf(record, context), record, release);
  const hooks = options.hooks ? hookEvents('rollback') : null;
  const recorded = [...(newest.hooks ?? []), ...(old.hooks ?? [])];
  const ran = { running: eventsWith(hooks, context), recorded };
  const change = await rollbackChange({ record, from: old }, { owned: before, hooks: ran }, context);
  const passage = await passReleaseGate(change, context);
  const superseded = await supersededBy(last, last, context);
  const ended = await deploy(
    {
      ...options,
      action: 'rollback',
      record,
      isSound: isSound(last),
      madeWith: madeWithAt(release.status, { version: old.version, madeWith: madeWithIn(target) }),
      makeRoom: () => makeRoom(last, task.count, context),
      bundle,
      loadBodies: () => Promise.resolve(),
      hooks,
      before,
      superseded,
      done: `Rollback to ${old.version}`,
    },
    context,
  );
  await passage?.ended(ended.error);
  const told = await deployedEnd(ended, { action: 'rollback', ociDigest: '', bundle }, context);
  const { name: chartName, version: chartVersion } = chartOf(old);
  const { namespace, name, version } = old;
  return { ...told, target: { namespace, name, version, chartName, chartVersion } };
}
