import type { HelmRelease, KubeObject, ObjectKey, Said } from '@plumb/api';
import {
  asPlumbError,
  HELM_APPLY_MANAGER,
  helmReleaseMessages as messages,
  ownMessages,
  PlumbError,
  say,
} from '@plumb/api';
import { latestSnapshot, parseInventoryEntry, storageNamespaceOf, uninstallOptionsOf } from '@plumb/core';
import { actingAs } from '../../delivery/acting-as.ts';
import { approach, awaySaid, siteOf } from '../../delivery/approach.ts';
import { awayOf } from '../../delivery/destination.ts';
import { ownedThere } from '../../delivery/prune.ts';
import { heedLockdowns, secretOf } from '../../releases/gate.ts';
import { Job } from '../../releases/job.ts';
import { ownedBy } from '../../releases/marks.ts';
import { perform } from '../../releases/perform.ts';
import { madeWithIn } from '../../releases/storage.ts';
import type { TaskEnd } from '../../releases/task.ts';
import { secretsOf } from '../../releases/values.ts';
import { releaseName } from '../../releases/wanted.ts';
import { dropFinalizer } from '../../runtime/finalizer.ts';
import { objectId } from '../../runtime/flux-objects.ts';
import type { Hands } from './act.ts';
import { dropHelmChart } from './helm-chart.ts';
import type { ReleaseMemory } from './memory.ts';
import { actionContext, gatesOf, storeOf } from './see-release.ts';
import { sourceOf } from './source.ts';

interface Context {
  memory: ReleaseMemory;
  hands: Hands;
}

/** How the end of a HelmRelease goes on. `wait`: an action waits for something; `retry`: it failed, and is tried again; `gone`: it is over. */
export interface Finalized {
  next: 'gone' | 'retry' | 'wait';
  /** The uninstall, where it ended now. */
  ended: TaskEnd | null;
  said: readonly Said[];
}

/** How long a cluster that cannot be reached holds up the deletion, in milliseconds. */
const GIVE_UP_AFTER = 60 * 60_000;

/**
 * Uninstalls the release and lets go of its object (helm-controller, reconcileDelete). A suspended one, one that was never installed, and one whose
 * service account or kubeconfig is gone leave all as it is.
 */
export async function finalize(object: HelmRelease, context: Context): Promise<Finalized> {
  const { memory } = context;
  if (object.spec.suspend === true) return letGo(object, context, []);
  const reason = await unreachableFor(object, context);
  if (reason !== null) return reason;
  if (await isAccountGone(object, context))
    return letGo(object, context, [leftSaid(object, 'its service account is gone')]);
  const job = memory.job ?? (await begin(object, context).catch(heldOr));
  if (job instanceof PlumbError) return heldBy(job);
  if (job === null) return letGo(object, context, await leftBehind(object, context));
  memory.job = job;
  await job.settled();
  if (!job.hasEnded) return { next: 'wait', ended: null, said: [] };
  memory.job = null;
  const ended = await job.ended;
  // What was under way before it was deleted is cut short: then the uninstall begins.
  if (ended.action !== 'uninstall') return finalize(object, context);
  if (ended.error?.code === 'gated') return heldBy(ended.error);
  if (ended.error !== null) return { next: 'retry', ended, said: [] };
  return { ...(await letGo(object, context, [])), ended };
}

function heldOr(thrown: unknown): PlumbError {
  const error = asPlumbError(thrown);
  if (error.code === 'gated') return error;
  throw thrown;
}

function heldBy({ message }: PlumbError): Finalized {
  return { next: 'retry', ended: null, said: [say(ownMessages.gated, { why: message })] };
}

/** The uninstall of what is stored; null where nothing is. */
async function begin(object: HelmRelease, context: Context): Promise<Job<TaskEnd> | null> {
  const { memory, hands } = context;
  const { storageNamespace, name, isTold } = placeOf(object);
  const store = storeOf(object, storageNamespace, context);
  const last = await store.last(name);
  const owned = inventoryOf(object);
  // A process that was killed may have made it before the status could say so; what it did not make is not ours to remove.
  if (last !== null && !isTold && madeWithIn(last) === null) return null;
  if (last === null) return null;
  if (last.record.info.status === 'uninstalled' && owned.length === 0) {
    if (uninstallOptionsOf(object.spec).keepHistory) return null;
    await heedLockdowns(gatesOf(object, memory, hands), 'prune', [secretOf(last)]);
    await store.purge(name);
    return null;
  }
  const task = {
    action: 'uninstall',
    to: null,
    desired: null,
    last: () => Promise.resolve(last),
    owned,
    count: null,
  } as const;
  // They may be gone with the release.
  const secrets = await secretsOf(object, hands).catch(() => []);
  const job = new Job<TaskEnd>((self, cancelled) =>
    hands.hold((lasting) => {
      const parts = { memory, hands, job: self, announce: () => Promise.resolve(), secrets, lasting, cancelled };
      return perform(task, {
        ...actionContext(object, parts),
        store: storeOf(object, storageNamespace, context, lasting),
      });
    }),
  );
  job.ended.then(
    () => hands.wake(memory.unit.ref),
    () => hands.wake(memory.unit.ref),
  );
  return job;
}

/** Where the release is stored, as the status tells; where it tells nothing, where it would be. */
function placeOf(object: HelmRelease): { storageNamespace: string; name: string; isTold: boolean } {
  const { storageNamespace = '', history } = object.status ?? {};
  const latest = latestSnapshot(history);
  if (storageNamespace !== '' && latest !== undefined) return { storageNamespace, name: latest.name, isTold: true };
  return { storageNamespace: storageNamespaceOf(object), name: releaseName(object), isTold: false };
}

/** @returns how it goes on where the cluster cannot be got at; null where it can */
async function unreachableFor(object: HelmRelease, context: Context): Promise<Finalized | null> {
  const { memory, hands } = context;
  const { unit } = memory;
  try {
    await approach(object, { memory: unit, hands, signal: hands.signal });
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled') throw error;
    if (error.code === 'api-not-found') return letGo(object, context, [leftSaid(object, error.message)]);
    return giveUpInTime(object, error.message, context);
  }
  const said = awayOf(unit.destination) === null ? null : awaySaid(object, unit.destination);
  if (said !== null) return giveUpInTime(object, said.text, context);
  unit.unreachedSince = null;
  return null;
}

async function giveUpInTime(object: HelmRelease, error: string, context: Context): Promise<Finalized> {
  const { memory, hands } = context;
  const now = hands.clock.now();
  memory.unit.unreachedSince ??= now;
  if (now - memory.unit.unreachedSince >= GIVE_UP_AFTER) return letGo(object, context, [leftSaid(object, error)]);
  return { next: 'retry', ended: null, said: [say(messages.clusterFailed, { error })] };
}

function leftSaid(object: HelmRelease, error: string, objects = inventoryOf(object)): Said {
  return say(ownMessages.clusterLeft, { error, objects });
}

function inventoryOf({ status }: HelmRelease): ObjectKey[] {
  return (status?.inventory?.entries ?? []).map(parseInventoryEntry);
}

/** Without a record nothing says how to uninstall: what is there all the same, such as after the namespace of the records went, is told. */
async function leftBehind(object: HelmRelease, { memory, hands }: Context): Promise<Said[]> {
  const latest = latestSnapshot(object.status?.history);
  const site = siteOf({ memory: memory.unit, hands });
  const left = await ownedThere(inventoryOf(object), {
    cluster: actingAs(object, { ...hands, cluster: site.cluster }),
    unit: memory.unit.ref,
    owns: latest && ownedBy(latest),
    hidesValues: true,
    parallel: hands.parallel,
    signal: hands.signal,
  });
  if (left.length === 0) return [];
  const { storageNamespace, name } = placeOf(object);
  return [leftSaid(object, `no record of release ${storageNamespace}/${name} is left to uninstall it by`, left)];
}

/** Accounts are impersonated in the cluster the release is in. Where they may not be read there, they count as being there. */
async function isAccountGone(object: HelmRelease, { memory, hands }: Context): Promise<boolean> {
  const name = object.spec.serviceAccountName ?? hands.defaultServiceAccount;
  if (name === undefined) return false;
  const { cluster } = siteOf({ memory: memory.unit, hands });
  const key = { group: '', version: 'v1', kind: 'ServiceAccount', namespace: object.metadata.namespace ?? '', name };
  try {
    return (await cluster.get(key, { signal: hands.signal })) === null;
  } catch (thrown) {
    if (object.spec.kubeConfig === undefined || asPlumbError(thrown).code !== 'api-forbidden') throw thrown;
    return false;
  }
}

export function uninstallSaid(ended: TaskEnd): Said[] {
  const [latest] = ended.snapshots;
  if (latest === undefined)
    return ended.error === null ? [] : [say(messages.stateFailed, { error: ended.error.message })];
  const names = {
    release: `${latest.namespace}/${latest.name}.v${latest.version}`,
    chart: `${latest.chartName}@${latest.chartVersion}`,
  };
  if (ended.error !== null) return [say(messages.uninstallFailed, { ...names, error: ended.error.message })];
  return [say(messages.uninstalled, names)];
}

async function letGo(object: HelmRelease, { hands }: Context, said: readonly Said[]): Promise<Finalized> {
  if (object.spec.suspend !== true) for (const chart of chartsOf(object)) await dropHelmChart(object, chart, hands);
  await dropFinalizer(object as KubeObject, { ...hands, fieldManager: HELM_APPLY_MANAGER });
  return { next: 'gone', ended: null, said };
}

/** The HelmChart that the status names, and the one that may have been made since. */
function chartsOf(object: HelmRelease): Set<string> {
  const told = object.status?.helmChart ?? '';
  const names = object.spec.chart === undefined ? [told] : [told, objectId(sourceOf(object))];
  return new Set(names.filter((name) => name !== ''));
}
