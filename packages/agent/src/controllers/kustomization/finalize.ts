import type { Kustomization, KubeObject, ObjectKey, Said } from '@plumb/api';
import {
  APPLY_MANAGER,
  asPlumbError,
  keyId,
  kustomizationMessages as messages,
  ownMessages,
  PlumbError,
  say,
} from '@plumb/api';
import { allowsPruning, DEFAULT_RULES } from '@plumb/core';
import { awayOf, whileThere } from '../../delivery/destination.ts';
import { timeoutOf } from '../../delivery/prepare.ts';
import { usesSecrets } from '../../delivery/hide-secrets.ts';
import { prune } from '../../delivery/prune.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import { dropFinalizer } from '../../runtime/finalizer.ts';
import type { Hands } from './act.ts';
import { inventoryKeys, unitRef } from './act.ts';
import type { Passage } from '../../gates/gate-request.ts';
import { besideRemoval, tellRemoved } from './beside.ts';
import { subjectOf } from './gate.ts';
import { actingAs } from '../../delivery/acting-as.ts';
import { approach, awaySaid, siteOf, type Site } from '../../delivery/approach.ts';

/**
 * What the deletion of a Kustomization did, and whether the object may go: 'wait' for its own to end, 'retry' after a failure, 'unreached' while its
 * cluster cannot be reached.
 */
export interface Finalized {
  deleted: readonly ObjectKey[];
  said: readonly Said[];
  next: 'gone' | 'wait' | 'retry' | 'unreached';
  /** Of one that is held: milliseconds until it may pass by itself. */
  heldFor?: number;
}

interface Context {
  memory: UnitMemory;
  hands: Hands;
  keys: readonly ObjectKey[];
}

/** A remote cluster that cannot be reached is waited for so long, and no longer: it may never come back. Milliseconds. */
const GIVE_UP_AFTER = 60 * 60_000;

/**
 * Deletes what the unit owns, as spec.deletionPolicy says (MirrorPrune follows spec.prune; suspended: nothing), then lets the object go. A service
 * account that is gone cannot delete anything any more: that is said, and the object goes all the same (Flux: pkg/ssa). So it is with a remote
 * cluster whose kubeconfig is gone, or that cannot be reached for an hour.
 */
export async function finalize(object: Kustomization, memory: UnitMemory, hands: Hands): Promise<Finalized> {
  const keys = ownedToDelete(object);
  if (keys instanceof PlumbError)
    return { deleted: [], said: [say(messages.pruneFailed, { error: keys.message })], next: 'retry' };
  if (keys.length === 0) {
    await letGo(object, hands);
    return { deleted: [], said: [], next: 'gone' };
  }
  const context = { memory, hands, keys };
  const flaw = await reach(object, context);
  if (flaw !== null) return flaw.isFinal ? leave(object, flaw.said, context) : giveUpInTime(object, flaw.said, context);
  const destination = memory.destination ?? hands.clusters.own;
  const there = whileThere(destination, hands.clock);
  const site = siteOf(context);
  try {
    return await deleteOwned(object, context, { ...site, signal: AbortSignal.any([hands.signal, there.signal]) });
  } catch (thrown) {
    const said = awaySaid(object, destination);
    if (said !== null) return await giveUpInTime(object, said.text, context);
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled' || error.code === 'internal') throw error;
    return { deleted: [], said: [say(messages.pruneFailed, { error: error.message })], next: 'retry' };
  } finally {
    there.stop();
  }
}

/** @returns why the objects cannot be got at; final: nothing that is waited for could change it */
async function reach(object: Kustomization, context: Context): Promise<{ said: string; isFinal: boolean } | null> {
  const { memory, hands } = context;
  let isGone = false;
  try {
    await approach(object, { ...context, signal: hands.signal });
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'cancelled') throw error;
    isGone = error.code === 'api-not-found';
    // What said how to reach the cluster may be deleted along with the unit: what was reached before still is.
    const isOpen = isGone && object.spec.kubeConfig !== undefined && (memory.destination?.id ?? '') !== '';
    if (!isOpen) return { said: error.message, isFinal: isGone };
  }
  if (awayOf(memory.destination) === null) return null;
  return { said: awaySaid(object, memory.destination)?.text ?? '', isFinal: isGone };
}

async function giveUpInTime(object: Kustomization, error: string, context: Context): Promise<Finalized> {
  const { memory, hands } = context;
  const now = hands.clock.now();
  memory.unreachedSince ??= now;
  if (now - memory.unreachedSince >= GIVE_UP_AFTER) return leave(object, error, context);
  return { deleted: [], said: [say(messages.pruneFailed, { error })], next: 'unreached' };
}

/** Nobody can delete the objects any more: the Kustomization goes without them. */
async function leave(object: Kustomization, error: string, { hands, keys }: Context): Promise<Finalized> {
  await letGo(object, hands);
  return { deleted: [], said: [say(ownMessages.clusterLeft, { error, objects: keys })], next: 'gone' };
}

async function deleteOwned(
  object: Kustomization,
  context: Context,
  site: Site & { signal: AbortSignal },
): Promise<Finalized> {
  const { memory, hands, keys } = context;
  const { live, signal } = site;
  memory.unreachedSince = null;
  if (await accountIsGone(object, hands, site)) {
    await letGo(object, hands);
    return { deleted: [], said: [say(messages.accountGone, { objects: keys })], next: 'gone' };
  }
  const passage = await passDeletion(object, context, site);
  if ('held' in passage) return { deleted: [], said: [passage.held], next: 'retry', heldFor: passage.heldFor };
  const waits = object.spec.deletionPolicy === 'WaitForTermination';
  if (waits) await live.watchKinds(keys);
  for (const key of keys) memory.applied.delete(keyId(key));
  memory.drifted.clear();
  memory.tolerated.clear();
  await tellRemoved(object, goingOf(keys, site), { ...hands, memory, find: hands.unitNamed });
  const cluster = actingAs(object, { ...hands, cluster: site.cluster });
  const { changes, failures } = await prune(leftToDelete(keys, memory, site), {
    cluster,
    unit: unitRef(object),
    hidesValues: usesSecrets(object, memory.bundle),
    parallel: hands.parallel,
    signal,
  });
  const deleted = changes.map((change) => change.key);
  if (failures.length > 0) {
    const said = [say(messages.deletionPruneFailed, {}), say(messages.pruneFailed, { error: failures.join('\n') })];
    return { deleted, said, next: 'retry' };
  }
  await passage.ended?.(null);
  if (waits) return endOfWait(object, { ...context, site, deleted });
  await letGo(object, hands);
  return { deleted, said: [], next: 'gone' };
}

/** What a unit takes along when it goes is a change as any other. @returns what is told while it is held */
async function passDeletion(
  object: Kustomization,
  { memory, hands, keys }: Context,
  { cluster, signal, live }: Site & { signal: AbortSignal },
): Promise<Partial<Passage> | { held: Said; heldFor: number }> {
  // What was deleted is only waited for.
  if (memory.terminateBy !== null) return {};
  const going = goingOf(keys, { live });
  try {
    const passage = await hands.gates?.pass({
      ...subjectOf(object, memory),
      cause: 'prune',
      isDeclared: true,
      revision: object.status?.lastAppliedRevision ?? '',
      since: object.status?.lastAppliedRevision ?? null,
      paths: [],
      beside: () => besideRemoval(object, { ...hands, memory, find: hands.unitNamed }),
      hasRemoteBases: false,
      bundleDigest: '',
      objects: going.map((key) => ({ key, action: 'delete' })),
      owned: keys.length,
      leaving: going.map(keyId),
      remade: [],
      contents: () => Promise.resolve([]),
      trial: {
        cluster: actingAs(object, { ...hands, cluster }),
        force: false,
        hidesValues: usesSecrets(object, memory.bundle),
      },
      declared: [],
      onGuarded: () => undefined,
      secrets: [],
      cluster: hands.cluster,
      signal,
    });
    return passage ?? {};
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code !== 'gated') throw thrown;
    return { held: say(ownMessages.gated, { why: error.message }), heldFor: error.retryAfter ?? 0 };
  }
}

/** What asks to stay is left. */
function goingOf(keys: readonly ObjectKey[], { live }: Pick<Site, 'live'>): ObjectKey[] {
  return keys.filter((key) => allowsPruning(live.get(keyId(key))?.rules ?? DEFAULT_RULES));
}

/** Once the end of what was deleted is waited for, only what the watch shows and is not going yet is looked at again. */
function leftToDelete(keys: readonly ObjectKey[], memory: UnitMemory, { live }: Site): readonly ObjectKey[] {
  if (memory.terminateBy === null) return keys;
  return keys.filter((key) => {
    const seen = live.get(keyId(key));
    return seen !== undefined && seen.health.status !== 'Terminating';
  });
}

/** WaitForTermination: the object stays until what was deleted is gone, or the timeout is over. What a rule keeps is not waited for. */
async function endOfWait(
  object: Kustomization,
  context: Context & { site: Site; deleted: readonly ObjectKey[] },
): Promise<Finalized> {
  const { memory, hands, keys, site, deleted } = context;
  const now = hands.clock.now();
  memory.terminateBy ??= now + timeoutOf(object);
  const fresh = new Set(deleted.map(keyId));
  const ending = keys.some((key) => {
    const seen = site.live.get(keyId(key));
    return seen !== undefined && (fresh.has(keyId(key)) || seen.health.status === 'Terminating');
  });
  if (ending && now < memory.terminateBy) return { deleted, said: [], next: 'wait' };
  await letGo(object, hands);
  return { deleted, said: ending ? [say(messages.terminationTimeout, {})] : [], next: 'gone' };
}

/** @returns the error instead, where the inventory cannot be read: nobody knows then what would be left behind */
function ownedToDelete(object: Kustomization): ObjectKey[] | PlumbError {
  const { deletionPolicy = 'MirrorPrune', prune: prunes, suspend } = object.spec;
  if (suspend === true || deletionPolicy === 'Orphan') return [];
  if (deletionPolicy === 'MirrorPrune' && !prunes) return [];
  try {
    return inventoryKeys(object);
  } catch (error) {
    return asPlumbError(error);
  }
}

/** Accounts are impersonated in the cluster the objects are in. Where they may not be read there, they count as being there. */
async function accountIsGone(
  object: Kustomization,
  hands: Hands,
  site: Site & { signal: AbortSignal },
): Promise<boolean> {
  const name = object.spec.serviceAccountName ?? hands.defaultServiceAccount;
  if (name === undefined) return false;
  const key = { group: '', version: 'v1', kind: 'ServiceAccount', namespace: object.metadata.namespace ?? '', name };
  try {
    return (await site.cluster.get(key, { signal: site.signal })) === null;
  } catch (thrown) {
    if (object.spec.kubeConfig === undefined || asPlumbError(thrown).code !== 'api-forbidden') throw thrown;
    return false;
  }
}

function letGo(object: Kustomization, hands: Hands): Promise<void> {
  return dropFinalizer(object as KubeObject, { ...hands, fieldManager: APPLY_MANAGER });
}
