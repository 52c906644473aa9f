import type { Kustomization, ObjectKey, Source, UnitRef } from '@plumb/api';
import { APPLY_MANAGER, asPlumbError, formatDuration, keyId, originRevisionOf, PlumbError } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { backoffDelay, parseInventoryEntry, unitDriftMode } from '@plumb/core';
import type { Cause, GroupKind } from '@plumb/core';
import type { Priority } from '@plumb/kube';
import type { Renderer } from '@plumb/render';
import type { RemoteBases } from '@plumb/sources';
import type { ApplyContext } from '../../delivery/apply.ts';
import type { Artifacts } from '../../delivery/artifacts.ts';
import type { Decryption } from '../../delivery/decryption/decryption.ts';
import { broughtBy, groundOf, NO_BRINGERS } from '../../delivery/brought.ts';
import { deliver } from '../../delivery/deliver.ts';
import type { Delivery } from '../../delivery/deliver.ts';
import { refuseEmptying } from '../../delivery/gate.ts';
import type { Gatekeeper } from '../../gates/gatekeeper.ts';
import type { Passage } from '../../gates/gate-request.ts';
import { hideSecrets, usesSecrets } from '../../delivery/hide-secrets.ts';
import { whileThere, type Destination } from '../../delivery/destination.ts';
import type { Expressions } from '../../delivery/expressions.ts';
import type { Packs } from '../../delivery/packs.ts';
import { prepare, reload, timeoutOf, stands } from '../../delivery/prepare.ts';
import type { Records } from '../../delivery/records.ts';
import type { Seal } from '../../delivery/seal.ts';
import { configsOf, knownVersions, readReferences, referencesOf, watchedVersions } from '../../delivery/references.ts';
import type { Delivered, Settling, StoredBundle, StoredObject, UnitMemory } from '../../delivery/unit.ts';
import type { WatchedConfigs } from '../../runtime/watched-configs.ts';
import { addFinalizer } from '../../runtime/finalizer.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import { actingAs, userOf } from '../../delivery/acting-as.ts';
import { approach, siteOf, unreachable, type Reach } from '../../delivery/approach.ts';
import { bringersOf, type FindUnit } from './beside.ts';
import { inputsOf, isInForce, retryIntervalOf } from './decide.ts';
import { isPassing, saidOf } from './failures.ts';
import type { Facts } from './facts.ts';
import { NOTHING } from './facts.ts';
import { askedFor, policyGate } from './gate.ts';
import { lastDelivered } from './last-delivered.ts';
import { artifactMissing, openArtifact } from './open-artifact.ts';
import { beginWait, endWait, goOnWaiting, resumeWait, revisionsOf } from './wait.ts';

/** What the effects of a Kustomization work with. */
export interface Hands extends Reach {
  /** Takes in what the server answers to a write to one of the controller's own objects. */
  note: (object: KubeObject) => void;
  artifacts: Artifacts;
  renderer: Renderer;
  expressions: Expressions;
  /** Fetches remote bases; null: a build that names one fails. */
  remotes: RemoteBases | null;
  packs: Packs;
  /** Null: a restart reads everything from the cluster. */
  records: Records | null;
  seal: Seal;
  signal: AbortSignal;
  parallel: number;
  stageTimeout: number;
  /** Kinds applied in a stage of their own before the rest. */
  customStageKinds: readonly GroupKind[];
  /** Field managers whose fields are taken over, by the beginnings of their names. */
  overriddenManagers: readonly string[];
  /** The service account for units that name none; undefined: the agent's own identity. */
  defaultServiceAccount: string | undefined;
  /** The labelled ConfigMaps and Secrets. */
  configs: WatchedConfigs;
  /** A variable that is not there and has no default fails the build. */
  strictSubstitutions: boolean;
  decryption: Pick<Decryption, 'of'>;
  /** A Kustomization that this process works on. */
  unitNamed: FindUnit;
  /** Holds changes back; null: nothing does. */
  gates: Gatekeeper | null;
  /** Writes progress and the inventory; resolves when the API server has it. */
  saveProgress: (object: Kustomization, facts: Facts) => Promise<void>;
  onAnswer: (unit: UnitMemory, id: string) => void;
}

const DRIFT_BACKOFF = { min: 250, max: 60_000 };
const FAILURE_BACKOFF = { min: 750, max: 15 * 60_000 };

/** What is delivered, why, and when that began. */
interface Run {
  memory: UnitMemory;
  hands: Hands;
  cause: Cause;
  inputs: string;
  startedAt: number;
  /** Aborts when spec.timeout is over. */
  over: AbortSignal;
}

/** Brings the source's current revision, or the repair of drift, into the cluster. */
export async function actDeliver(
  object: Kustomization,
  source: Source | undefined,
  cause: Cause,
  context: { memory: UnitMemory; hands: Hands },
): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  const startedAt = hands.clock.now();
  const over = AbortSignal.timeout(timeoutOf(object));
  const run: Run = { ...context, cause, startedAt, over, inputs: await inputsNow(object, source, hands) };
  if (cause !== 'drift') memory.answering = requestedAt(object) ?? null;
  memory.actAs(userOf(object, hands));
  let destination: Destination;
  try {
    await addFinalizer(object as KubeObject, { ...hands, fieldManager: APPLY_MANAGER });
    destination = await approach(object, { ...context, signal: AbortSignal.any([hands.signal, over]) });
  } catch (thrown) {
    return fail(object, { ...NOTHING, ...revisionsAt(source) }, run, asPlumbError(thrown));
  }
  const away = unreachable(object, NOTHING, context);
  if (away !== null) return away;
  const there = whileThere(destination, hands.clock);
  try {
    const signal = AbortSignal.any([hands.signal, there.signal]);
    return await deliverThere(object, source, { ...run, hands: { ...hands, signal } });
  } finally {
    there.stop();
  }
}

async function deliverThere(object: Kustomization, source: Source | undefined, run: Run): Promise<Outcome<Facts>> {
  const { memory, hands, cause, inputs, startedAt, over } = run;
  const revisions = revisionsAt(source);
  const waiting = memory.settling;
  const canceled = cause === 'drift' ? null : endWait(object, source, inputs, run);
  const base: Facts = {
    ...NOTHING,
    ...revisions,
    timeout: timeoutOf(object),
    ...(canceled === null ? {} : { canceled }),
  };
  const signal = AbortSignal.any([hands.signal, over]);
  const failed = async (facts: Facts, error: PlumbError): Promise<Outcome<Facts>> => {
    const away = unreachable(object, facts, run);
    if (away !== null) return away;
    const held = cause === 'drift' || isPassing(error) ? null : await holdToLast(object, { ...run, base, signal });
    const outcome = fail(object, held === null ? facts : { ...facts, held }, run, error);
    return error.code === 'gated' && cause !== 'drift' ? whileWaiting(outcome, waiting, run) : outcome;
  };
  try {
    const bundle =
      cause === 'drift' && memory.bundle !== null ? memory.bundle : await build(object, source, run, signal);
    const warnings = newWarnings(bundle, memory.bundle);
    const delivery = await holding(bundle, run, async () => {
      const carried = await carryOut(object, bundle, { ...run, base, signal });
      if (carried.error === null && cause !== 'drift') {
        const bringers = bringersOf(object, bundle, hands.unitNamed);
        memory.brought = broughtBy(memory.brought, groundOf(object, bundle, bringers));
        memory.elsewhere = null;
        const wasRemoved = memory.removedBy !== null;
        memory.removedBy = null;
        if (wasRemoved) hands.records?.note(memory);
        keepBundle(bundle, run);
      }
      // What was told is not told again by the next process.
      if (carried.found.length > 0) hands.records?.note(memory);
      return { ...carried, error: carried.error && hideSecrets(carried.error, bundle.pack.secrets ?? []) };
    });
    const took = hands.clock.now() - startedAt;
    const { changes, drift, found, inventory, error } = delivery;
    const facts: Facts = { ...base, changes, drift, found, inventory, took };
    if (error !== null) return await failed({ ...facts, digest: bundle.digest }, error);
    if (warnings.length > 0) facts.warnings = warnings;
    memory.driftFailed = { count: 0, retryAt: 0 };
    if (cause === 'drift') return afterRepair(object, facts, run);
    noteDelivered(memory, { inputs, ...revisions, at: hands.clock.now() });
    return await beginWait(object, { ...facts, digest: bundle.digest }, run);
  } catch (thrown) {
    return await failed({ ...base, took: hands.clock.now() - startedAt }, asPlumbError(thrown));
  }
}

/** What was waited for when something newer was held back is waited for on. */
function whileWaiting(outcome: Outcome<Facts>, waiting: Settling | null, run: Run): Outcome<Facts> {
  const left = resumeWait(waiting, run);
  if (left === null || outcome.type !== 'retry') return outcome;
  const { canceled: _none, ...facts } = outcome.facts;
  return { ...outcome, facts, after: Math.min(outcome.after, left) };
}

/**
 * After a restart nothing was delivered yet. Where what is declared now cannot be, what was delivered last is brought into force again, and kept so,
 * as it would have been without the restart (I2). Nothing is deleted for it. Where that fails too, it is tried again with the next delivery. Objects
 * that are as they are declared now stay so: the stages that could be delivered are not taken back.
 */
async function holdToLast(
  object: Kustomization,
  context: { memory: UnitMemory; hands: Hands; base: Facts; signal: AbortSignal },
): Promise<Facts | null> {
  const { memory, hands } = context;
  if (memory.delivered !== null) return null;
  try {
    const last = await lastDelivered(object, context);
    if (last === null) return null;
    const { bundle, ...revisions } = last;
    const delivery = await holding(bundle, context, async () => {
      const only = new Set(bundle.objects.filter((stored) => isOurs(stored, memory)).map(({ key }) => keyId(key)));
      const carried = await carryOut(object, bundle, { ...context, cause: 'rebuild', only });
      if (carried.error === null) {
        if (isProven(object, bundle, carried)) memory.brought ??= groundOf(object, bundle, NO_BRINGERS);
        keepBundle(bundle, context);
      }
      return carried;
    });
    const { changes, drift, found } = delivery;
    if (delivery.error === null) noteDelivered(memory, { inputs: '', ...revisions, at: hands.clock.now() });
    return { ...NOTHING, ...revisions, changes, drift, found };
  } catch {
    return null;
  }
}

/** Whoever may write the status may say which revision was delivered last: it was where nothing had to be changed for it, and nothing else is there. */
function isProven(object: Kustomization, { objects }: StoredBundle, { changes }: Delivery): boolean {
  const declared = new Set(objects.map(({ key }) => keyId(key)));
  const isAll = inventoryKeys(object).every((key) => declared.has(keyId(key)));
  return isAll && changes.every(({ action }) => action === 'unchanged' || action === 'skipped');
}

/** Whether nothing else than this was applied to the object. */
function isOurs({ key, digest }: StoredObject, { applied }: UnitMemory): boolean {
  return (applied.get(keyId(key))?.desiredDigest ?? digest) === digest;
}

function noteDelivered(memory: UnitMemory, delivered: Delivered): void {
  memory.delivered = delivered;
  memory.failed = null;
  memory.spread = null;
  memory.moved = false;
  memory.unproven = false;
  // What an earlier process knew is looked at by now.
  memory.recalled = null;
  memory.toldBefore = new Map();
}

function revisionsAt(source: Source | undefined): { revision: string; originRevision: string } {
  return { revision: source?.status?.artifact?.revision ?? '', originRevision: originRevisionOf(source) };
}

/** The inputs as they are before anything of them is read: what changes later is a reason for another run. */
async function inputsNow(
  object: Kustomization,
  source: Source | undefined,
  { configs }: Pick<Hands, 'configs'>,
): Promise<string> {
  const references = configsOf(object);
  if (references.length > 0) await configs.ready();
  return inputsOf(object, source, watchedVersions(references, object.metadata.namespace ?? '', configs));
}

/** A warning is told once, with the delivery of the bundle it is about. */
function newWarnings({ warnings }: StoredBundle, last: StoredBundle | null): readonly string[] {
  return warnings.filter((warning) => last?.warnings.includes(warning) !== true);
}

/** What was cut off says only that it was: the limit is the reason. */
function overdue(object: Kustomization, error: PlumbError): PlumbError {
  if (error.code !== 'cancelled') return error;
  const text = `not done within the timeout of ${formatDuration(timeoutOf(object))}; raise spec.timeout if it needs longer`;
  return new PlumbError('timeout', text, { fault: 'user', policy: 'retry', cause: error });
}

async function build(
  object: Kustomization,
  source: Source | undefined,
  { memory, hands }: { memory: UnitMemory; hands: Hands },
  signal: AbortSignal,
): Promise<StoredBundle> {
  const { revision = '', digest = '' } = source?.status?.artifact ?? {};
  const { bundle, ref } = memory;
  const references = referencesOf(object);
  const { remotes } = hands;
  const isValid = (configs: string | null): boolean =>
    bundle !== null && configs !== null && stands(bundle, object, ref, { revision, digest, configs, remotes });
  if (bundle !== null && isValid(knownVersions(references, ref.namespace, hands.configs))) return bundle;
  const referenced = await readReferences(references, ref.namespace, { cluster: hands.cluster, signal });
  if (bundle !== null && isValid(referenced.versions)) return bundle;
  const artifact = await openArtifact(object, { revision, digest, signal }, hands.artifacts);
  if (artifact === null) throw artifactMissing(revision);
  return prepare(object, ref, artifact, { ...hands, signal, last: bundle, referenced });
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
  const { bundle: before, applied, unproven } = memory;
  if (before !== null && before.pack !== bundle.pack) hands.packs.drop(before.pack);
  memory.bundle = bundle;
  if (!unproven && !applied.changed && before?.objects === bundle.objects) return;
  applied.changed = false;
  hands.records?.note(memory);
}

/** Builds a bundle again whose bodies are not in memory, from the artifact it was made from. */
async function loadBodies(
  object: Kustomization,
  bundle: StoredBundle,
  { memory, hands, signal }: { memory: UnitMemory; hands: Hands; signal: AbortSignal },
): Promise<void> {
  if (bundle.pack.bytes !== null) return;
  const { revision, artifactDigest: digest } = bundle;
  const artifact = await openArtifact(object, { revision, digest, signal }, hands.artifacts);
  if (artifact === null) throw artifactMissing(revision);
  const { ref } = memory;
  const referenced = await readReferences(referencesOf(object), ref.namespace, { cluster: hands.cluster, signal });
  try {
    await reload(object, ref, artifact, { ...hands, signal, last: bundle, referenced });
  } catch (error) {
    if (error instanceof PlumbError && error.code === 'internal') memory.bundle = null;
    throw error;
  }
}

async function carryOut(
  object: Kustomization,
  bundle: StoredBundle,
  context: { memory: UnitMemory; hands: Hands; cause: Cause; base: Facts; signal: AbortSignal; only?: Set<string> },
): Promise<Delivery> {
  const { memory, hands, cause, base, signal, only } = context;
  const { cluster, live } = siteOf(context);
  const inForce = !memory.moved && isInForce(object, `sha256:${bundle.digest}`);
  const apply: ApplyContext = {
    cluster: actingAs(object, { ...hands, cluster }).withPriority(priorityOf(cause)),
    live,
    clock: hands.clock,
    unit: memory,
    bundle,
    fieldManager: APPLY_MANAGER,
    overriddenManagers: hands.overriddenManagers,
    force: object.spec.force === true,
    deliveredBefore: !memory.moved && lastSuccess(object) === `sha256:${bundle.digest}`,
    inForce,
    drift: unitDriftMode(object),
    hidesValues: usesSecrets(object, bundle),
    parallel: hands.parallel,
    stageTimeout: hands.stageTimeout,
    signal,
    onAnswer: (id) => hands.onAnswer(memory, id),
  };
  let passage: Passage | null = null;
  const bodies = (): Promise<void> => loadBodies(object, bundle, context);
  const gate = policyGate(object, bundle, {
    gates: hands.gates,
    unitNamed: hands.unitNamed,
    seal: hands.seal,
    cluster: hands.cluster,
    there: apply.cluster,
    memory,
    cause,
    revision: base.revision ?? '',
    owned: inventoryKeys(object).length,
    inForce,
    loadBodies: bodies,
    signal,
    onPassed: (one) => (passage = one),
  });
  const request = {
    cause,
    ...(only && { only }),
    inventory: inventoryKeys(object),
    prune: object.spec.prune && cause !== 'rebuild',
    customStageKinds: hands.customStageKinds,
    gates: [refuseEmptying(object.spec.path ?? './'), gate],
    loadBodies: bodies,
    saveInventory: (inventory: readonly ObjectKey[]) => {
      hands.signal.throwIfAborted();
      return hands.saveProgress(object, { ...base, inventory });
    },
  };
  const end = async (error: PlumbError | null): Promise<void> => {
    await (passage as Passage | null)?.ended(error && hideSecrets(error, bundle.pack.secrets ?? []));
  };
  try {
    const delivery = await deliver(request, apply);
    const error = askedFor(delivery.error, context);
    await end(error);
    return { ...delivery, error };
  } catch (thrown) {
    await end(asPlumbError(thrown));
    throw thrown;
  }
}

function priorityOf(cause: Cause): Priority {
  return cause === 'drift' || cause === 'emergency' ? cause : 'request';
}

export function inventoryKeys(object: Kustomization): ObjectKey[] {
  return (object.status?.inventory?.entries ?? []).map(parseInventoryEntry);
}

/** Digest of the bundle the last run ended well with; a run that failed since leaves none. */
function lastSuccess({ status }: Kustomization): string | undefined {
  const last = status?.history?.[0];
  return last?.lastReconciledStatus === 'ReconciliationSucceeded' ? last.digest : undefined;
}

/** A repair restores what was delivered last; a failure of what came after it still stands. */
function afterRepair(
  object: Kustomization,
  facts: Facts,
  context: { memory: UnitMemory; hands: Hands },
): Outcome<Facts> {
  const { delivered, failed, settling, awaitingSince } = context.memory;
  const told = { ...facts, ...revisionsOf(delivered) };
  if (failed !== null && settling === null) {
    const { revision: _delivered, originRevision: _ofIt, ...done } = facts;
    const after = Math.max(0, failed.retryAt - context.hands.clock.now());
    return { type: 'retry', facts: done, said: failed.said, after };
  }
  if (awaitingSince !== null) return { type: 'again', facts: told, after: 0 };
  return goOnWaiting(object, told, context);
}

function fail(object: Kustomization, facts: Facts, run: Run, thrown: PlumbError): Outcome<Facts> {
  const { memory, hands, cause, inputs, over } = run;
  const error = over.aborted ? overdue(object, thrown) : thrown;
  const now = hands.clock.now();
  const random = hands.clock.random();
  const said = saidOf(error);
  if (cause === 'drift') {
    const count = memory.driftFailed.count + 1;
    const wait = Math.max(error.retryAfter ?? 0, backoffDelay(count, random, DRIFT_BACKOFF));
    memory.driftFailed = { count, retryAt: now + wait };
    return { type: 'retry', facts, said, after: wait };
  }
  const count = memory.failed?.inputs === inputs ? memory.failed.count + 1 : 1;
  const interval = retryIntervalOf(object);
  const wait = isPassing(error) ? Math.min(interval, backoffDelay(count, random, FAILURE_BACKOFF)) : interval;
  // A gate that opens by itself says when; everything else that opens it wakes the unit.
  const after = error.code === 'gated' ? (error.retryAfter ?? interval) : Math.max(error.retryAfter ?? 0, wait);
  memory.failed = { said, inputs, retryAt: now + after, count };
  return { type: 'retry', facts, said, after };
}

export function unitRef(object: Kustomization): UnitRef {
  return { kind: 'Kustomization', namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}
