import type { GitRepository, Kustomization, ObjectKey, UnitRef } from '@plumb/api';
import {
  APPLY_MANAGER,
  asPlumbError,
  formatDuration,
  keyOf,
  kustomizationMessages as messages,
  parseDuration,
  PlumbError,
  say,
} from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { aggregate, backoffDelay, parseInventoryEntry } from '@plumb/core';
import type { Cause } from '@plumb/core';
import type { Cluster, Priority } from '@plumb/kube';
import type { Renderer } from '@plumb/render';
import type { Artifact } from '@plumb/sources';
import type { ApplyContext } from '../../delivery/apply.ts';
import type { Artifacts } from '../../delivery/artifacts.ts';
import { deliver } from '../../delivery/deliver.ts';
import type { Delivery } from '../../delivery/deliver.ts';
import { refuseEmptying } from '../../delivery/gate.ts';
import type { LiveObjects } from '../../delivery/live.ts';
import type { Packs } from '../../delivery/packs.ts';
import { prepare, reload, timeoutOf } from '../../delivery/prepare.ts';
import type { Records } from '../../delivery/records.ts';
import { healthNow, healthTargets } from '../../delivery/settle.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import type { Clock } from '../../runtime/clock.ts';
import { addFinalizer } from '../../runtime/finalizer.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import { inputsOf, requestedAt } from './decide.ts';
import { isPassing, saidOf } from './failures.ts';
import type { Facts } from './facts.ts';
import { NOTHING } from './facts.ts';

/** What the effects of a Kustomization work with. */
export interface Hands {
  cluster: Cluster;
  live: LiveObjects;
  artifacts: Artifacts;
  renderer: Renderer;
  packs: Packs;
  /** Null: a restart reads everything from the cluster. */
  records: Records | null;
  clock: Clock;
  signal: AbortSignal;
  parallel: number;
  stageTimeout: number;
  /** The service account for units that name none; undefined: the agent's own identity. */
  defaultServiceAccount: string | undefined;
  /** Writes progress and the inventory; resolves when the API server has it. */
  saveProgress: (object: Kustomization, facts: Facts) => Promise<void>;
  onAnswer: (unit: UnitMemory, id: string) => void;
}

/** While a delivery settles, its progress is told after this long; most are healthy before. */
const TELL_AFTER = 1_000;
const DRIFT_BACKOFF = { min: 250, max: 60_000 };
const FAILURE_BACKOFF = { min: 750, max: 15 * 60_000 };

/** Brings the source's current revision, or the repair of drift, into the cluster. */
export async function actDeliver(
  object: Kustomization,
  source: GitRepository,
  cause: Cause,
  context: { memory: UnitMemory; hands: Hands },
): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  const startedAt = hands.clock.now();
  const revision = source.status?.artifact?.revision ?? '';
  const base: Facts = { ...NOTHING, revision, timeout: timeoutOf(object) };
  if (cause !== 'drift') memory.answering = requestedAt(object) ?? null;
  const over = AbortSignal.timeout(base.timeout);
  const signal = AbortSignal.any([hands.signal, over]);
  const failed = (facts: Facts, error: PlumbError): Outcome<Facts> =>
    fail(object, source, { ...context, facts, cause }, over.aborted ? overdue(base.timeout, error) : error);
  try {
    await addFinalizer(object as KubeObject, { ...hands, fieldManager: APPLY_MANAGER });
    const bundle =
      cause === 'drift' && memory.bundle !== null ? memory.bundle : await build(object, source, context, signal);
    const delivery = await holding(bundle, context, async () => {
      const carried = await carryOut(object, source, bundle, { ...context, cause, base, signal });
      if (carried.error === null && cause !== 'drift') keepBundle(bundle, context);
      return carried;
    });
    const took = hands.clock.now() - startedAt;
    const { changes, drift, inventory } = delivery;
    const facts: Facts = { ...base, changes, drift, inventory, took };
    if (delivery.error !== null) return failed(facts, delivery.error);
    memory.driftFailed = { count: 0, retryAt: 0 };
    if (cause === 'drift') return afterRepair(object, facts, context);
    memory.delivered = { inputs: inputsOf(object, source), revision, at: hands.clock.now() };
    memory.failed = null;
    memory.spread = null;
    return await beginSettling(object, { ...facts, digest: bundle.digest }, { ...context, startedAt });
  } catch (thrown) {
    return failed({ ...base, took: hands.clock.now() - startedAt }, asPlumbError(thrown));
  }
}

/** What was cut off says only that it was: the limit is the reason. */
function overdue(timeout: number, error: PlumbError): PlumbError {
  if (error.code !== 'cancelled') return error;
  const text = `not done within the timeout of ${formatDuration(timeout)}; raise spec.timeout if it needs longer`;
  return new PlumbError('timeout', text, { fault: 'user', policy: 'retry', cause: error });
}

async function build(
  object: Kustomization,
  source: GitRepository,
  { memory, hands }: { memory: UnitMemory; hands: Hands },
  signal: AbortSignal,
): Promise<StoredBundle> {
  const { revision = '', digest = '' } = source.status?.artifact ?? {};
  const artifact = await openArtifact(source, { revision, digest }, hands);
  if (artifact === null) throw artifactMissing(revision);
  return prepare(object, memory.ref, artifact, { renderer: hands.renderer, signal, last: memory.bundle });
}

function openArtifact(
  source: GitRepository,
  { revision, digest }: { revision: string; digest: string },
  hands: Hands,
): Promise<Artifact | null> {
  const { name, namespace = '' } = source.metadata;
  return hands.artifacts.open({ kind: 'GitRepository', namespace, name }, revision, digest);
}

function artifactMissing(revision: string): PlumbError {
  const text = `artifact ${revision} is not in this agent's storage yet; it is fetched again`;
  return new PlumbError('artifact-missing', text, { fault: 'system', policy: 'retry' });
}

/** Keeps a bundle's bodies in memory while it is worked on. Those of one that was not delivered go. */
async function holding<T>(
  bundle: StoredBundle,
  { memory, hands }: { memory: UnitMemory; hands: Hands },
  work: () => Promise<T>,
): Promise<T> {
  const release = hands.packs.hold(bundle.pack);
  try {
    return await work();
  } finally {
    release();
    if (memory.bundle?.pack !== bundle.pack) hands.packs.drop(bundle.pack);
  }
}

/** The bundle is delivered: it is what the unit is held to from now on, across a restart too. */
function keepBundle(bundle: StoredBundle, { memory, hands }: { memory: UnitMemory; hands: Hands }): void {
  const { bundle: before, applied } = memory;
  if (before !== null && before.pack !== bundle.pack) hands.packs.drop(before.pack);
  memory.bundle = bundle;
  if (!applied.changed && before?.objects === bundle.objects) return;
  applied.changed = false;
  hands.records?.note(memory);
}

/** Builds a bundle again whose bodies are not in memory, from the artifact it was made from. */
async function loadBodies(
  object: Kustomization,
  source: GitRepository,
  bundle: StoredBundle,
  { memory, hands, signal }: { memory: UnitMemory; hands: Hands; signal: AbortSignal },
): Promise<void> {
  if (bundle.pack.bytes !== null) return;
  const { revision, artifactDigest: digest } = bundle;
  const artifact = await openArtifact(source, { revision, digest }, hands);
  if (artifact === null) throw artifactMissing(revision);
  try {
    await reload(object, memory.ref, artifact, { renderer: hands.renderer, signal, last: bundle });
  } catch (error) {
    if (error instanceof PlumbError && error.code === 'internal') memory.bundle = null;
    throw error;
  }
}

function carryOut(
  object: Kustomization,
  source: GitRepository,
  bundle: StoredBundle,
  context: { memory: UnitMemory; hands: Hands; cause: Cause; base: Facts; signal: AbortSignal },
): Promise<Delivery> {
  const { memory, hands, cause, base, signal } = context;
  const apply: ApplyContext = {
    cluster: actingAs(object, hands).withPriority(priorityOf(cause)),
    live: hands.live,
    clock: hands.clock,
    unit: memory,
    bundle,
    fieldManager: APPLY_MANAGER,
    parallel: hands.parallel,
    stageTimeout: hands.stageTimeout,
    signal,
    onAnswer: (id) => hands.onAnswer(memory, id),
  };
  const request = {
    cause,
    inventory: inventoryKeys(object),
    prune: object.spec.prune,
    gates: [refuseEmptying(object.spec.path ?? './')],
    loadBodies: () => loadBodies(object, source, bundle, context),
    saveInventory: (inventory: readonly ObjectKey[]) => hands.saveProgress(object, { ...base, inventory }),
  };
  return deliver(request, apply);
}

function priorityOf(cause: Cause): Priority {
  return cause === 'drift' || cause === 'emergency' ? cause : 'request';
}

/** The identity objects are applied as (I9): the unit's service account, as Flux writes its user name. */
export function actingAs(object: Kustomization, hands: Pick<Hands, 'cluster' | 'defaultServiceAccount'>): Cluster {
  const account = object.spec.serviceAccountName ?? hands.defaultServiceAccount;
  if (account === undefined) return hands.cluster;
  return hands.cluster.as(`system:serviceaccount:${object.metadata.namespace ?? ''}:${account}`);
}

export function inventoryKeys(object: Kustomization): ObjectKey[] {
  return (object.status?.inventory?.entries ?? []).map(parseInventoryEntry);
}

/** A repair restores what was delivered last; a failure of what came after it still stands. */
function afterRepair(
  object: Kustomization,
  facts: Facts,
  context: { memory: UnitMemory; hands: Hands },
): Outcome<Facts> {
  const { delivered, failed, settling, awaitingSince } = context.memory;
  const told = delivered === null ? facts : { ...facts, revision: delivered.revision };
  if (failed !== null && settling === null) {
    const { revision: _delivered, ...done } = facts;
    const after = Math.max(0, failed.retryAt - context.hands.clock.now());
    return { type: 'retry', facts: done, said: failed.said, after };
  }
  if (awaitingSince !== null) return { type: 'again', facts: told, after: 0 };
  return keepSettling(object, told, context);
}

/** After a delivery: health is a subscription, no worker waits for it. */
async function beginSettling(
  object: Kustomization,
  facts: Facts,
  context: { memory: UnitMemory; hands: Hands; startedAt: number },
): Promise<Outcome<Facts>> {
  const { memory, hands, startedAt } = context;
  const targets = targetsOf(object, memory);
  if (object.spec.wait !== true) await Promise.all(targets.map((key) => hands.live.watchObject(key)));
  memory.settling = targets.length === 0 ? null : { startedAt, deadline: startedAt + facts.timeout, failed: false };
  return keepSettling(object, facts, context);
}

/** Looks at the health that is known now. Called again at each change of it, and at the deadline. */
export function actSettle(object: Kustomization, context: { memory: UnitMemory; hands: Hands }): Outcome<Facts> {
  const revision = context.memory.delivered?.revision;
  const facts = { ...NOTHING, timeout: timeoutOf(object), ...(revision === undefined ? {} : { revision }) };
  return keepSettling(object, facts, context);
}

function keepSettling(
  object: Kustomization,
  facts: Facts,
  { memory, hands }: { memory: UnitMemory; hands: Hands },
): Outcome<Facts> {
  const { settling } = memory;
  const digest = memory.bundle?.digest;
  const all = { ...facts, ...(digest === undefined ? {} : { digest }) };
  if (settling === null) return { type: 'done', facts: all };
  const now = hands.clock.now();
  const took = now - settling.startedAt;
  const verdict = aggregate(healthNow(targetsOf(object, memory), hands.live));
  if (verdict.status === 'current') {
    memory.settling = null;
    memory.failed = null;
    return { type: 'done', facts: { ...all, took, health: 'passed' } };
  }
  const lost = verdict.status === 'failed' || now >= settling.deadline;
  if (settling.failed) {
    const after = Math.max(0, (memory.failed?.retryAt ?? now) - now);
    const said = say(messages.unhealthy, { error: verdict.message });
    return { type: 'retry', facts: { ...all, health: 'failed' }, said, after };
  }
  if (!lost) {
    const tellAt = settling.startedAt + TELL_AFTER;
    const wait = now < tellAt ? tellAt - now : settling.deadline - now;
    return { type: 'again', facts: { ...all, took, health: 'waiting' }, after: wait };
  }
  settling.failed = true;
  const after = retryIntervalOf(object);
  const said = say(messages.healthFailed, { took, error: verdict.message });
  memory.failed = { said, inputs: memory.delivered?.inputs ?? '', retryAt: now + after, count: 1 };
  return { type: 'retry', facts: { ...all, took, health: 'failed' }, said, after };
}

function targetsOf(object: Kustomization, memory: UnitMemory): ObjectKey[] {
  return memory.bundle === null ? [] : healthTargets(object.spec, memory.bundle, keyOf(object as KubeObject));
}

function fail(
  object: Kustomization,
  source: GitRepository,
  context: { memory: UnitMemory; hands: Hands; facts: Facts; cause: Cause },
  error: PlumbError,
): Outcome<Facts> {
  const { memory, hands, facts, cause } = context;
  const now = hands.clock.now();
  const random = hands.clock.random();
  const said = saidOf(error);
  if (cause === 'drift') {
    const count = memory.driftFailed.count + 1;
    const wait = Math.max(error.retryAfter ?? 0, backoffDelay(count, random, DRIFT_BACKOFF));
    memory.driftFailed = { count, retryAt: now + wait };
    return { type: 'retry', facts, said, after: wait };
  }
  const inputs = inputsOf(object, source);
  const count = memory.failed?.inputs === inputs ? memory.failed.count + 1 : 1;
  const interval = retryIntervalOf(object);
  const wait = isPassing(error) ? Math.min(interval, backoffDelay(count, random, FAILURE_BACKOFF)) : interval;
  const after = Math.max(error.retryAfter ?? 0, wait);
  memory.failed = { said, inputs, retryAt: now + after, count };
  return { type: 'retry', facts, said, after };
}

export function retryIntervalOf({ spec }: Kustomization): number {
  return parseDuration(spec.retryInterval ?? spec.interval);
}

export function unitRef(object: Kustomization): UnitRef {
  return { kind: 'Kustomization', namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}
