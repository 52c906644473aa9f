import { createHash } from 'node:crypto';
import {
  HELM_APPLY_MANAGER,
  keyId,
  type Change,
  type ObjectKey,
  type PlumbError,
  type ReleaseSnapshot,
} from '@plumb/api';
import {
  allowsPruning,
  latestSnapshot,
  rollbackOptionsOf,
  rulesOf,
  unionOfKeys,
  upgradeOptionsOf,
  type Cause,
  type HookEvent,
  type ObjectFate,
} from '@plumb/core';
import { crdObjects, type Bundle, type Desired, type RenderedRelease } from '@plumb/render';
import { contentsOf, fatesOf, guardOf, replacedIn, type Gate } from '../delivery/gate.ts';
import type { StoredBundle } from '../delivery/unit.ts';
import type { Content } from '../gates/content.ts';
import type { Gatekeeper } from '../gates/gatekeeper.ts';
import type { GateRequest, Passage } from '../gates/gate-request.ts';
import type { PlanTrial } from '../gates/plan-change.ts';
import { settleAll } from '../runtime/parallel.ts';
import type { ActionContext } from './context.ts';
import { hookContents, hookText, remadeByHooks, type HookContent, type HookText, type Remade } from './hook-fates.ts';
import { ownedBy } from './marks.ts';
import type { HookRecord, ReleaseRecord } from './record.ts';
import { bundleOf } from './render.ts';
import type { StoredRelease } from './storage.ts';
import { targetNamespaceOf } from './target-namespace.ts';
import { contentOf, isStrange } from './vouched.ts';

/** What is to become of a release. */
export interface ReleaseChange {
  cause: Cause;
  /** What is to be there; null: nothing any more. */
  wanted: { bundle: Bundle; hooks: readonly HookText[]; crds: RenderedRelease['crds'] } | null;
  /** What it owns now. */
  owned: readonly ObjectKey[];
  /** Hooks that run with it, by their events, and those of the records before it that may have made what is there. */
  hooks: { running: readonly HookEvent[]; recorded: readonly HookRecord[] };
  /** Its namespace is made where it is not there. */
  makesNamespace?: boolean;
  /** It is what is declared now. By default all is but a rollback. */
  isDeclared?: boolean;
}

type Subject = Pick<GateRequest, 'ref' | 'uid' | 'labels' | 'source' | 'asked' | 'clusterName' | 'place'>;

/**
 * Lets a change of a release pass only where policies, approvals and lockdowns do. What the templates make differently each time is another change each
 * time, and is never the one that was approved.
 * @throws PlumbError `gated`
 */
export async function passReleaseGate(change: ReleaseChange, context: ActionContext): Promise<Passage | null> {
  const { gates, unit } = context;
  if (gates === null || !(await gates.keeper.isOnGuard())) return null;
  const hooks = await hookContents(change.wanted?.hooks ?? [], context);
  // Those that run when a release goes were judged with it.
  const run = change.wanted === null ? await hookContents(change.hooks.recorded.map(hookText), context) : hooks;
  const remade = await remadeByHooks(run, change.hooks, context);
  const request = { ...gates, ...(await requestOf(change, { hooks, remade }, context)) };
  // Records are written all the same.
  if (request.objects.length === 0) await heedLockdowns(gates, change.cause, []);
  const passage = await gates.keeper.pass(request);
  unit.remaking.clear();
  for (const { key, uid } of remade) unit.remaking.set(keyId(key), uid);
  return passage;
}

/**
 * What is done to a release and changes nothing of what is declared, such as its tests, nobody can approve: only a lockdown that stops all holds it.
 * @param keys what it touches
 * @throws PlumbError `gated`
 */
export async function heedLockdowns(
  gates: ReleaseGates | null,
  cause: Cause,
  keys: readonly ObjectKey[],
): Promise<void> {
  const objects = keys.map((key): ObjectFate => ({ key, action: 'change' }));
  await gates?.keeper.passLockdowns({ ...gates, cause, objects });
}

/** The Secret of a record. */
export function secretOf({ metadata: { namespace = '', name } }: Pick<StoredRelease, 'metadata'>): ObjectKey {
  return { group: '', version: 'v1', kind: 'Secret', namespace, name };
}

/** The objects that hooks of a stored release make. */
export async function hookKeys(hooks: readonly HookRecord[], context: ActionContext): Promise<ObjectKey[]> {
  const contents = await hookContents(hooks.map(hookText), context);
  return contents.map(({ key }) => key);
}

/** Lets drift of what is in force be put right only where policies and lockdowns that name it do. */
export function correctionGate(
  bundle: StoredBundle,
  loadBodies: () => Promise<void>,
  context: ActionContext,
): { gate: Gate; ended: (error: PlumbError | null) => Promise<void> } {
  const { gates, unit, secrets, signal } = context;
  let passage: Passage | null = null;
  const gate: Gate = async (plan) => {
    const objects = fatesOf(plan);
    if (gates === null || objects.length === 0 || !(await gates.keeper.isOnGuard())) return;
    passage = await gates.keeper.pass({
      ...gates,
      cause: 'drift',
      isDeclared: false,
      bundleDigest: bundle.digest,
      objects,
      owned: bundle.objects.length,
      since: null,
      paths: [],
      beside: () => Promise.resolve(null),
      hasRemoteBases: false,
      leaving: [],
      remade: [],
      declared: bundle.objects.map(({ key }) => key),
      onGuarded: (ids) => (unit.guard = guardOf(ids, unit, 'drift')),
      contents: () => contentsOf(bundle, objects, loadBodies),
      trial: trialOf('drift', context),
      secrets,
      signal,
    });
  };
  return { gate, ended: async (error) => passage?.ended(error) };
}

/**
 * A release is as it is declared: what was held before is of the past, and what was being applied is. An action cut short before it stored anything
 * left a change that did not come to pass.
 */
export async function restAtGate(gates: ReleaseGates | null, runs: ReleaseSnapshot | null): Promise<void> {
  await gates?.keeper.atRest(gates, (change) => isWhatRuns(change, runs));
}

/** Any other change that passed since would have overtaken it. */
export function isWhatRuns({ spec, status }: Pick<Change, 'spec' | 'status'>, runs: ReleaseSnapshot | null): boolean {
  if (spec.cause === 'drift') return true;
  const since = status?.decidedAt;
  if (runs === null || since === undefined || Date.parse(runs.lastDeployed) < Date.parse(since)) return false;
  return runs.chartVersion === spec.revision && (runs.action === 'rollback') === (spec.cause === 'rollback');
}

/** What gates are asked with, beside the change itself. */
export interface ReleaseGates extends Subject {
  keeper: Gatekeeper;
  revision: string;
  /** Where the Flux objects are. */
  cluster: GateRequest['cluster'];
}

/** The change of a rollback to a stored release. One that others made or edited, where a policy governs it, is judged as any other change. */
export async function rollbackChange(
  { record, from }: { record: ReleaseRecord; from: ReleaseRecord },
  { owned, hooks }: Pick<ReleaseChange, 'owned' | 'hooks'>,
  context: ActionContext,
): Promise<ReleaseChange> {
  const bundle = await bundleOf(record, context);
  const { unit, release, gates } = context;
  const isDoubted =
    isStrange(unit, { named: from, content: contentOf(from) }, release.status?.history) && (await isGoverned(gates));
  const wanted = { bundle, hooks: (record.hooks ?? []).map(hookText), crds: [] };
  return { cause: isDoubted ? 'routine' : 'rollback', isDeclared: false, wanted, owned, hooks };
}

/**
 * Whether any policy is about a release.
 * @throws PlumbError `gated` while nobody knows
 */
export async function isGoverned(gates: Pick<ReleaseGates, 'keeper' | keyof Subject> | null): Promise<boolean> {
  return gates !== null && (await gates.keeper.governs(gates));
}

async function requestOf(
  { cause, wanted, owned, makesNamespace = false, isDeclared = cause !== 'rollback' }: ReleaseChange,
  { hooks, remade }: { hooks: readonly HookContent[]; remade: readonly Remade[] },
  context: ActionContext,
): Promise<Omit<GateRequest, keyof Subject | 'revision' | 'cluster'>> {
  const { unit, secrets, signal } = context;
  const objects = wanted?.bundle.objects ?? [];
  const keys = objects.map(({ key }) => key);
  const declared = new Set(keys.map(keyId));
  const left = owned.filter((key) => !declared.has(keyId(key)));
  const leaving = await withoutKept(left, context);
  const namespaces = makesNamespace ? await namespacesToMake(context) : [];
  const there = new Set(owned.map(keyId));
  const inForce = new Map(unit.bundle?.objects.map(({ key, digest }) => [keyId(key), digest]));
  const isOther = ({ key, digest }: Pick<Desired, 'key' | 'digest'>): boolean =>
    inForce.get(keyId(key)) !== digest || !there.has(keyId(key)) || unit.replacing.has(keyId(key));
  const changed = objects.filter(isOther);
  const going = new Set(leaving.map(keyId));
  const others = remade.filter(({ key, isOwn }) => !isOwn && !going.has(keyId(key)));
  // Those of an uninstall are judged only where they take the place of something else.
  const made = wanted === null ? others : hooks;
  const definitions = await crdObjects(wanted?.crds ?? [], {});
  const fates: ObjectFate[] = [
    ...namespaces.map(({ key }): ObjectFate => ({ key, action: 'create' })),
    ...changed.map(({ key }): ObjectFate => ({ key, action: there.has(keyId(key)) ? 'change' : 'create' })),
    ...made.map(({ key }): ObjectFate => ({ key, action: 'create' })),
    // Whether they are there already is seen when they are brought in.
    ...definitions.map(({ key }): ObjectFate => ({ key, action: 'change' })),
    ...leaving.map((key): ObjectFate => ({ key, action: 'delete' })),
  ];
  const replaced = unionOfKeys(
    replacedIn(keys, unit, cause),
    others.map(({ key }) => key),
  );
  fates.push(...replaced.map((key): ObjectFate => ({ key, action: 'delete' })));
  const contents = [
    ...namespaces,
    ...changed.map(({ key, body, origin, ignored }): Content => ({ key, body, path: origin.path, ignored })),
    ...definitions.map(({ key, body, origin }): Content => ({ key, body, path: origin.path, role: 'definition' })),
    ...made,
  ];
  return {
    cause: wanted !== null && cause === 'routine' && fates.every(({ action }) => action === 'delete') ? 'prune' : cause,
    isDeclared,
    bundleDigest: digestOf(wanted, makesNamespace),
    objects: fates,
    owned: owned.length,
    // Of a chart nobody tells whose work it is.
    since: null,
    paths: [],
    beside: () => Promise.resolve(null),
    hasRemoteBases: false,
    leaving: [...leaving.map(keyId), ...replaced.map((key) => `replaces ${keyId(key)}`)],
    remade: remade.filter(({ isOwn }) => isOwn).map(({ key }) => key),
    declared: keys,
    onGuarded: (ids) => (unit.guard = guardOf(ids, unit, cause)),
    contents: () => Promise.resolve(contents),
    trial: { ...trialOf(cause, context), setsIgnored: true },
    secrets,
    signal,
  };
}

/** What asks to stay is not deleted with a release, nor when it leaves it (`helm.sh/resource-policy: keep`). What cannot be read may be deleted. */
async function withoutKept(
  keys: readonly ObjectKey[],
  { cluster, parallel, signal }: ActionContext,
): Promise<ObjectKey[]> {
  const answers = await settleAll(keys, parallel, async (key) => {
    const live = (await cluster.resource(key)) === null ? null : await cluster.get(key, { signal });
    return live !== null && !allowsPruning(rulesOf(live, HELM_APPLY_MANAGER));
  });
  return keys.filter((_, index) => {
    const answer = answers[index];
    return answer?.ok !== true || !answer.value;
  });
}

async function namespacesToMake({ release, cluster, signal }: ActionContext): Promise<Content[]> {
  const { key, body } = targetNamespaceOf(release);
  const live = await cluster.get(key, { signal }).catch(() => null);
  return live === null ? [{ key, body, path: '' }] : [];
}

/** How the objects of a release are looked at. What Helm itself installed has no labels of ours. */
function trialOf(cause: Cause, { release, cluster, hidesValues }: ActionContext): PlanTrial {
  const { spec, status } = release;
  const { force } = cause === 'rollback' ? rollbackOptionsOf(spec) : upgradeOptionsOf(spec);
  const latest = latestSnapshot(status?.history);
  return { cluster, force, hidesValues, ...(latest !== undefined && { owns: ownedBy(latest) }) };
}

/** Names all that a chart came to: its objects, its hooks and its definitions; and that its namespace may be made for it. */
function digestOf(wanted: ReleaseChange['wanted'], makesNamespace: boolean): string {
  if (wanted === null) return '';
  const hooks = wanted.hooks.map(({ manifest, events }) => [manifest, events]);
  const crds = wanted.crds.map(({ text }) => text);
  return createHash('sha256')
    .update(JSON.stringify([wanted.bundle.digest, hooks, crds, ...(makesNamespace ? ['namespace'] : [])]))
    .digest('hex');
}
