import { type Change, Coming, deliverOnce, type Secrets } from '@plumb/agent';
import type { KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import { asPlumbError } from '@plumb/api';
import type { Plan } from '@plumb/core';
import { dependenciesOf } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { MemoryCluster } from '@plumb/memory-cluster';
import type { Built } from './build.ts';
import { inventoryOf } from './diff.ts';

/** How carrying out a change would go. */
export interface Rehearsal {
  /** Null where it failed before there was a plan. */
  plan: Plan | null;
  /** What happened to each object, in the order in which it happened. */
  changes: readonly Change[];
  /** What the unit waits for first: `Kustomization/namespace/name`, `HelmRelease/namespace/name`. */
  dependencies: readonly string[];
  /** What was taken to be in the cluster, because nobody could tell. */
  assumptions: readonly string[];
  /** What went wrong; null when all of it was carried out. */
  error: PlumbError | null;
}

export interface RehearseRequest {
  built: Built;
  /** Where what is there now is read; null: nothing is there. */
  cluster: Cluster | null;
  signal: AbortSignal;
}

/** Definitions and namespaces are in force at once in memory. Milliseconds. */
const STAGE_TIMEOUT = 5_000;

/** Carries a build out against a cluster in memory that holds what the real one does of this unit. Writes nothing anywhere else. */
export async function rehearse({ built, cluster: given, signal }: RehearseRequest): Promise<Rehearsal> {
  const { unit, ref, bundle, secrets } = built;
  // What is there now is in the cluster that the unit delivers to.
  const cluster = unit.spec.kubeConfig === undefined ? given : null;
  const inventory = cluster === null ? [] : inventoryOf(unit);
  const memory = new MemoryCluster();
  const assumptions = await furnish(memory, { built, cluster, inventory, signal });
  const dependencies = dependenciesOf(unit).map(({ kind, id }) => (kind === 'Kustomization' ? `${kind}/${id}` : id));
  const base = { dependencies, assumptions };
  try {
    const options = { cluster: memory, ref, inventory, stageTimeout: STAGE_TIMEOUT, signal };
    const { plan, delivery } = await deliverOnce(unit, bundle, options);
    const { changes, error } = delivery;
    return masked({ ...base, plan, changes, error }, secrets);
  } catch (thrown) {
    return masked({ ...base, plan: null, changes: [], error: asPlumbError(thrown) }, secrets);
  }
}

/** Names of objects may be made of secret values, and what is said of a failure may quote them. */
function masked({ plan, changes, dependencies, assumptions, error }: Rehearsal, secrets: Secrets): Rehearsal {
  const named = <T extends { key: ObjectKey }>(item: T): T => ({ ...item, key: secrets.key(item.key) });
  const stages = (plan?.stages ?? []).map((stage) => ({ ...stage, actions: stage.actions.map(named) }));
  return {
    plan: plan === null ? null : { ...plan, stages, prune: plan.prune.map((key) => secrets.key(key)) },
    changes: changes.map(named),
    dependencies,
    assumptions: assumptions.map((text) => secrets.message(text)),
    error: error === null ? null : secrets.error(error),
  };
}

interface Furniture {
  built: Built;
  cluster: Cluster | null;
  inventory: readonly ObjectKey[];
  signal: AbortSignal;
}

/** Puts into memory what the rehearsal meets: kinds, namespaces, and the live objects it would change. @returns what had to be assumed */
async function furnish(memory: MemoryCluster, { built, cluster, inventory, signal }: Furniture): Promise<string[]> {
  const keys = [...built.bundle.objects.map(({ key }) => key), ...inventory];
  const coming = new Coming(built.bundle.objects);
  const kinds = keys.filter((key) => !coming.hasKind(key));
  const namespaces = [...new Set(keys.map(({ namespace }) => namespace))];
  const missing = namespaces.filter((name) => name !== '' && !coming.hasNamespace(name));
  const room = { memory, cluster, signal };
  const assumptions = [...(await addKinds(kinds, room)), ...(await addNamespaces(missing, room))];
  await copyLive(keys, room);
  return assumptions;
}

interface Room {
  memory: MemoryCluster;
  cluster: Cluster | null;
  signal: AbortSignal;
}

/** Kinds the cluster serves, or, without one, all there are. */
async function addKinds(keys: readonly ObjectKey[], { memory, cluster }: Room): Promise<string[]> {
  const assumptions: string[] = [];
  for (const key of keys) {
    if ((await memory.resource(key)) !== null) continue;
    const served = (await cluster?.resource(key)) ?? null;
    if (cluster !== null && served === null) continue;
    await memory.create(definitionOf(key, served?.namespaced ?? key.namespace !== ''));
    if (served === null) assumptions.push(`the cluster serves ${key.kind}.${key.group}`);
  }
  return assumptions;
}

/** Namespaces the cluster has, or, without one, all there are. */
async function addNamespaces(names: readonly string[], { memory, cluster, signal }: Room): Promise<string[]> {
  const assumptions: string[] = [];
  for (const name of names) {
    const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name };
    if ((await memory.get(key)) !== null) continue;
    if (cluster !== null && (await cluster.get(key, { signal })) === null) continue;
    await memory.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    if (cluster === null) assumptions.push(`there is a Namespace ${name}`);
  }
  return assumptions;
}

async function copyLive(keys: readonly ObjectKey[], { memory, cluster, signal }: Room): Promise<void> {
  if (cluster === null) return;
  for (const key of keys) {
    if ((await memory.resource(key)) === null) continue;
    const live = await cluster.get(key, { signal });
    if (live !== null) memory.copyIn(live);
  }
}

/** A definition of a kind of which nothing is known but that it is served. */
function definitionOf({ group, version, kind }: ObjectKey, namespaced: boolean): KubeObject {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}
