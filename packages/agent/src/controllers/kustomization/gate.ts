import { keyId, PlumbError, type Kustomization } from '@plumb/api';
import type { Action, Cause, ObjectFate, Plan } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { groundOf, NO_BRINGERS, readAnew } from '../../delivery/brought.ts';
import { contentsOf, fatesOf, guardOf, leavingOf, replacedIn, type Gate } from '../../delivery/gate.ts';
import { usesSecrets } from '../../delivery/hide-secrets.ts';
import { kubeConfigReference } from '../../delivery/remotes.ts';
import type { Seal } from '../../delivery/seal.ts';
import type { StoredBundle, UnitMemory } from '../../delivery/unit.ts';
import type { Gatekeeper } from '../../gates/gatekeeper.ts';
import type { GateRequest, Passage } from '../../gates/gate-request.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import { besideOf, sourceOf, type FindUnit } from './beside.ts';

interface GateContext {
  gates: Gatekeeper | null;
  unitNamed: FindUnit;
  seal: Seal;
  /** Where the Flux objects are. */
  cluster: Cluster;
  /** Where the objects of the unit are, as who delivers them. */
  there: Cluster;
  memory: UnitMemory;
  cause: Cause;
  revision: string;
  /** How many objects the unit has now. */
  owned: number;
  /** The bundle is the one that was delivered last: whatever differs is drift. */
  inForce: boolean;
  loadBodies: () => Promise<void>;
  signal: AbortSignal;
  onPassed: (passage: Passage) => void;
}

/** Lets a plan pass only where policies, approvals and lockdowns do. */
export function policyGate(object: Kustomization, bundle: StoredBundle, context: GateContext): Gate {
  return async (plan) => {
    const { gates, onPassed } = context;
    const passage = (await gates?.pass(requestOf(object, bundle, plan, context))) ?? null;
    if (passage !== null) onPassed(passage);
  };
}

function requestOf(object: Kustomization, bundle: StoredBundle, plan: Plan, context: GateContext): GateRequest {
  const { memory, cluster, there, signal, revision } = context;
  const planned = fatesOf(plan);
  const cause = causeOf(plan, bundle, context);
  const applied = planned.filter(({ action }) => action !== 'delete').map(({ key }) => key);
  const replaced = replacedIn(applied, memory, cause);
  const objects = [...planned, ...replaced.map((key): ObjectFate => ({ key, action: 'delete' }))];
  return {
    ...subjectOf(object, memory),
    cause,
    isDeclared: isOfDeclared(context.cause),
    revision,
    since: memory.brought?.revision ?? null,
    paths: readAnew(memory.brought, bundle.reads),
    beside: () => besideOf(object, groundOf(object, bundle, NO_BRINGERS), { ...context, find: context.unitNamed }),
    hasRemoteBases: bundle.reads.remotes.length > 0,
    bundleDigest: bundle.digest,
    objects,
    owned: context.owned,
    leaving: [...leavingOf(plan).map(keyId), ...replaced.map((key) => `replaces ${keyId(key)}`)],
    remade: [],
    declared: applied,
    onGuarded: (ids) => (memory.guard = guardOf(ids, memory, cause)),
    contents: () => contentsOf(bundle, objects, context.loadBodies),
    trial: { cluster: there, force: object.spec.force === true, hidesValues: usesSecrets(object, bundle) },
    // They come with the bodies, which may have to be brought in first.
    get secrets() {
      return bundle.pack.secrets ?? [];
    },
    cluster,
    signal,
  };
}

/** Whether all that is declared now is delivered: a repair, or what was delivered before, says nothing of it. */
function isOfDeclared(cause: Cause): boolean {
  return cause === 'routine' || cause === 'emergency';
}

/** What a delivery failed of is that gates have to be asked first, whatever else did not work out. One that succeeds has nothing left to ask for. */
export function askedFor(
  error: PlumbError | null,
  { memory, cause }: Pick<GateContext, 'memory' | 'cause'>,
): PlumbError | null {
  const { replacing, guard } = memory;
  if (error === null && isOfDeclared(cause)) replacing.clear();
  const isAsked = error !== null && guard.isAsked && [...replacing].some((id) => guard.guarded.has(id));
  if (!isAsked || error.code === 'gated') return error;
  return new PlumbError('gated', error.message, { fault: 'user', policy: 'retry', retryAfter: 0 });
}

/** What gates ask of the unit itself. */
export function subjectOf(
  object: Kustomization,
  memory: UnitMemory,
): Pick<GateRequest, 'ref' | 'uid' | 'labels' | 'source' | 'asked' | 'clusterName' | 'place'> {
  const { metadata } = object;
  const namespace = metadata.namespace ?? '';
  return {
    ref: { kind: 'Kustomization', namespace, name: metadata.name },
    uid: metadata.uid ?? '',
    labels: metadata.labels ?? {},
    source: sourceOf(object),
    asked: requestedAt(object) ?? '',
    clusterName: kubeConfigReference(object)?.name ?? 'own',
    place: memory.place ?? '',
  };
}

/** What was delivered already has drifted; what only goes is pruned. */
export function causeOf(
  plan: Plan,
  bundle: Pick<StoredBundle, 'objects'>,
  { cause, inForce, memory }: Pick<GateContext, 'cause' | 'inForce' | 'memory'>,
): Cause {
  const isNewHere = isNew(plan, memory, (index) => bundle.objects[index]?.digest ?? '');
  // What the status says was delivered last, and we applied otherwise, is nothing to come back to.
  if (cause === 'rebuild' && isNewHere && memory.recalled !== null) return 'routine';
  if (cause !== 'routine') return cause;
  const objects = fatesOf(plan);
  const isDeleting = objects.some(({ action }) => action === 'delete');
  if (inForce && !isDeleting && !isNewHere) return 'drift';
  return objects.every(({ action }) => action === 'delete') ? 'prune' : 'routine';
}

/** Whoever may write the status may claim that a bundle was delivered; what we applied ourselves says whether that is true. */
function isNew(plan: Plan, { applied, recalled }: GateContext['memory'], digestAt: (index: number) => string): boolean {
  const actions = plan.stages.flatMap((stage) => stage.actions);
  const isUnknown = (id: string): boolean => !applied.has(id) && recalled?.has(id) !== true;
  const isOther = ({ key, index }: Action): boolean => {
    const before = recalled?.get(keyId(key))?.desiredDigest;
    return before !== undefined && before !== digestAt(index);
  };
  return actions.some(
    (action) =>
      action.kind === 'change' ||
      (action.kind === 'create' && isUnknown(keyId(action.key))) ||
      (action.kind === 'compare' && isOther(action)),
  );
}
