import {
  APPROVAL,
  asPlumbError,
  CHANGE,
  CLUSTER_RELEASE_POLICY,
  HELM_RELEASE,
  KUSTOMIZATION,
  LOCKDOWN,
  RELEASE_POLICY,
  reworded,
  type Approval,
  type Change,
  type ChangeRequirement,
  type KindRef,
  type KubeObject,
} from '@plumb/api';
import { policyFacts, type ChangeFacts, type PolicyFacts } from '@plumb/core';
import { HELM_RELEASES, KUSTOMIZATIONS, liveUnit } from '../read-unit.ts';
import { asking, forbidden, type GateCluster } from './asking.ts';
import { hasEnded, listChanges } from './changes.ts';
import { lockdownStandings, policyStandings, type LockdownStanding, type PolicyStanding } from './standings.ts';
import { clusterNameOf, sourceOf, type Unit } from './subject.ts';

export interface UnitAsked {
  kind: 'Kustomization' | 'HelmRelease';
  namespace: string;
  name: string;
}

/** What could be read of a kind; or why not. */
export type Read<T> = T | { trouble: string };

/** Why a unit is as it is. */
export interface Why {
  unit: UnitAsked;
  state: 'held' | 'suspended' | 'ready' | 'working' | 'failed' | 'new';
  /** RFC 3339; null where the unit says nothing yet. */
  since: string | null;
  /** Of its Ready condition. */
  message: string;
  /** The revision that runs; empty for none. */
  applied: string;
  /** The revision that was tried last; empty for none. */
  attempted: string;
  /** Whether the cluster serves the kinds of gates; where it does not, nothing can hold a unit. */
  gated: boolean;
  /** Its changes that are not over. */
  changes: Change[];
  policies: Read<PolicyStanding[]>;
  /** Verdicts of the open changes that nothing that is there has: default limits, rejections, policies that were deleted. */
  others: ChangeRequirement[];
  /** Those in force for the unit, whatever causes they are about. */
  lockdowns: Read<LockdownStanding[]>;
  /** Those about the open changes. */
  approvals: Read<Approval[]>;
}

/** Everything that says why a unit is held, or that it is not. @throws PlumbError where the unit or its changes cannot be read */
export async function whyOf(cluster: GateCluster & UnitReader, asked: UnitAsked, signal: AbortSignal): Promise<Why> {
  const unit = await unitOf(cluster, asked, signal);
  const none = { changes: [], policies: [], others: [], lockdowns: [], approvals: [] };
  if ((await cluster.resource(CHANGE)) === null) return { unit: asked, ...stateOf(unit), gated: false, ...none };
  const all = await listChanges(cluster, asked.namespace, signal);
  const changes = all.filter((change) => isOf(change, asked) && !hasEnded(change));
  const facts = factsOf(unit, { asked, change: changes[0], labels: await namespaceLabels(cluster, asked, signal) });
  const policies = await readPolicies(cluster, asked, signal);
  const verdicts = changes.flatMap(({ status }) => status?.requirements ?? []);
  const standing = 'trouble' in policies ? policies : policyStandings(policies, facts, verdicts);
  const lockdowns = await readLockdowns(cluster, facts, verdicts, signal);
  const named = [standing, lockdowns].flatMap((read) =>
    'trouble' in read ? [] : read.flatMap(({ rules }) => rules.flatMap((rule) => rule.verdicts)),
  );
  return {
    unit: asked,
    ...stateOf(unit),
    gated: true,
    changes,
    policies: standing,
    others: verdicts.filter((one) => !named.includes(one)),
    lockdowns,
    approvals: await readApprovals(cluster, { asked, changes }, signal),
  };
}

type UnitReader = Parameters<typeof liveUnit>[1];

async function unitOf(cluster: UnitReader, asked: UnitAsked, signal: AbortSignal): Promise<Unit> {
  const isKustomization = asked.kind === 'Kustomization';
  try {
    if (isKustomization) return await liveUnit(KUSTOMIZATIONS, cluster, asked, signal);
    return await liveUnit(HELM_RELEASES, cluster, asked, signal);
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'api-forbidden') throw forbidden(error, isKustomization ? KUSTOMIZATION : HELM_RELEASE, 'get');
    if (error.code !== 'api-not-found') throw error;
    throw reworded(error, `${error.message}; where it is in another namespace, name that with -n`);
  }
}

function isOf({ spec: { unit } }: Change, { kind, name }: UnitAsked): boolean {
  return unit.kind === kind && unit.name === name;
}

function stateOf({ spec, status }: Unit): Pick<Why, 'state' | 'since' | 'message' | 'applied' | 'attempted'> {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const known = (status ?? {}) as {
    lastAppliedRevision?: string;
    lastAttemptedRevision?: string;
    history?: { chartVersion?: string; status?: string }[];
  };
  // What a release runs is its newest record that was deployed.
  const released = known.history?.find((one) => one.status === 'deployed')?.chartVersion;
  return {
    state: spec.suspend === true ? 'suspended' : stateByReady(ready),
    since: ready?.lastTransitionTime ?? null,
    message: ready?.message ?? '',
    applied: known.lastAppliedRevision ?? released ?? '',
    attempted: known.lastAttemptedRevision ?? '',
  };
}

function stateByReady(ready: { status: string; reason: string } | undefined): Why['state'] {
  if (ready === undefined) return 'new';
  if (ready.status === 'True') return 'ready';
  if (ready.reason === 'Gated') return 'held';
  return ready.status === 'Unknown' ? 'working' : 'failed';
}

/** What policies select by, as far as it can be told from outside of the agent: the objects are recorded without their groups. */
function factsOf(
  unit: Unit,
  known: { asked: UnitAsked; change: Change | undefined; labels: Readonly<Record<string, string>> | null },
): ChangeFacts {
  const { asked, change, labels } = known;
  const { cause, digest, revision } = change?.spec ?? { cause: 'routine', digest: '', revision: '' };
  return {
    unit: { ...asked, labels: unit.metadata.labels ?? {} },
    namespaceLabels: labels,
    cluster: clusterNameOf(unit),
    source: { ...sourceOf(unit), revision },
    cause,
    digest,
    authors:
      change === undefined
        ? { unknown: 'only the agent asks for them' }
        : { authors: change.spec.authors, message: '', verified: false },
    objects: [],
    owned: 0,
  };
}

/** Null where they cannot be read. */
async function namespaceLabels(
  cluster: UnitReader,
  { namespace }: UnitAsked,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | null> {
  const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name: namespace };
  const found = await cluster.get(key, { signal }).catch(() => null);
  signal.throwIfAborted();
  return found === null ? null : (found.metadata.labels ?? {});
}

async function readPolicies(
  cluster: GateCluster,
  { namespace }: UnitAsked,
  signal: AbortSignal,
): Promise<Read<PolicyFacts[]>> {
  const own = await tryList(cluster, RELEASE_POLICY, { namespace, signal });
  const global = await tryList(cluster, CLUSTER_RELEASE_POLICY, { signal });
  if ('trouble' in own) return own;
  return 'trouble' in global ? global : [...own, ...global].map(policyFacts);
}

async function readLockdowns(
  cluster: GateCluster,
  facts: ChangeFacts,
  verdicts: readonly ChangeRequirement[],
  signal: AbortSignal,
): Promise<Why['lockdowns']> {
  const found = await tryList(cluster, LOCKDOWN, { signal });
  return 'trouble' in found ? found : lockdownStandings(found, { facts, verdicts, now: cluster.connection.time });
}

async function readApprovals(
  cluster: GateCluster,
  { asked, changes }: { asked: UnitAsked; changes: readonly Change[] },
  signal: AbortSignal,
): Promise<Why['approvals']> {
  if (changes.length === 0) return [];
  const found = await tryList(cluster, APPROVAL, { namespace: asked.namespace, signal });
  if ('trouble' in found) return found;
  const names = changes.map(({ metadata }) => metadata.name);
  return (found as unknown as Approval[]).filter(({ spec }) => names.includes(spec.change));
}

/** What may not be read is told beside what may. */
async function tryList(
  cluster: GateCluster,
  kind: KindRef,
  options: { namespace?: string; signal: AbortSignal },
): Promise<Read<KubeObject[]>> {
  try {
    return (await asking(cluster, kind, 'list', () => cluster.list(kind, options))).items;
  } catch (thrown) {
    options.signal.throwIfAborted();
    return { trouble: asPlumbError(thrown).message };
  }
}
