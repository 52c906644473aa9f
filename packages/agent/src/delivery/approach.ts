import type { Said } from '@plumb/api';
import { asPlumbError, ownMessages, PlumbError, say } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { awayOf, type Destination } from './destination.ts';
import type { LiveObjects } from './live.ts';
import { kubeConfigReference } from './remotes.ts';
import type { UnitMemory } from './unit.ts';
import type { Outcome } from '../runtime/outcome.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Clusters } from './clusters.ts';
import type { Remotes } from './remotes.ts';
import type { UnitObject } from './unit-object.ts';

/** What it takes to get to a unit's cluster. */
export interface Reach {
  /** Where the Flux objects are, and what they refer to. */
  cluster: Cluster;
  /** Another cluster under the same leave. */
  over: (cluster: Cluster) => Cluster;
  clusters: Clusters;
  remoteClusters: Pick<Remotes, 'find'>;
  clock: Clock;
}

interface Context {
  memory: UnitMemory;
  hands: Reach;
}

/** Where the objects of a unit are: what it sends goes there under the leave to work on the unit. */
export interface Site {
  cluster: Cluster;
  live: LiveObjects;
}

/** A cluster that does not answer is looked for again after this long, beside the word that it is back: what it is reached by may have changed. */
const LOOK_AGAIN = 30_000;
/** What is over sooner is not told. */
const PATIENCE = 2_000;

/**
 * Finds out for each run which cluster the unit's objects go to: what spec.kubeConfig refers to is read, as Flux does.
 * @throws PlumbError as `Remotes.find`, and `api-forbidden` when the cluster refuses the credentials
 */
export async function approach(object: UnitObject, context: Context & { signal: AbortSignal }): Promise<Destination> {
  const { memory, hands, signal } = context;
  const { spec, metadata, status } = object;
  if (spec.kubeConfig === undefined) return goTo(memory, hands.clusters.use(memory.uid, null));
  // Nothing says where it was applied last, and its spec has changed since.
  if (memory.place === null && status?.observedGeneration !== metadata.generation) memory.moved = true;
  const lost = awayOf(memory.destination) !== null;
  const way = { cluster: hands.cluster, signal, lost };
  const remote = await hands.remoteClusters.find(spec.kubeConfig, metadata.namespace ?? '', way);
  const destination = goTo(memory, hands.clusters.use(memory.uid, remote));
  if (awayOf(destination) === null) await confirm(object, destination);
  return destination;
}

export function siteOf({
  memory,
  hands,
}: {
  memory: UnitMemory;
  hands: Pick<Reach, 'cluster' | 'over'> & { clusters: Pick<Clusters, 'own'> };
}): Site {
  const destination = memory.destination ?? hands.clusters.own;
  const { id, cluster, live } = destination;
  return { live, cluster: id === '' ? hands.cluster : hands.over(cluster) };
}

/** How a run ends whose cluster is away; null when it is not. It holds no worker, and is woken when the cluster is back. */
export function unreachable<Facts>(
  object: UnitObject,
  facts: Facts,
  { memory, hands }: Context,
): Outcome<Facts> | null {
  const { destination } = memory;
  const said = awaySaid(object, destination);
  if (said === null || destination === null) return null;
  memory.awaitingSince ??= hands.clock.now();
  const early = PATIENCE - destination.cluster.connection.awayFor();
  if (early > 0) return { type: 'again', facts, after: early };
  return { type: 'retry', facts, said, after: LOOK_AGAIN };
}

/** Since when the unit's cluster does not answer; null while it does. */
export function awaySaid(object: UnitObject, destination: Destination | null): Said | null {
  const away = awayOf(destination);
  if (away === null || destination === null) return null;
  const { since, error } = away;
  return say(ownMessages.clusterAway, { host: destination.host, from: fromOf(object), since: new Date(since), error });
}

async function confirm(object: UnitObject, destination: Destination): Promise<void> {
  try {
    await destination.confirm();
  } catch (thrown) {
    const { code, message, status, fault, policy } = asPlumbError(thrown);
    if (status !== 401) throw thrown;
    const text = `the cluster at ${destination.host} refuses the credentials of ${fromOf(object)}: ${message}`;
    throw new PlumbError(code, text, { fault, policy, status, cause: thrown });
  }
}

function goTo(memory: UnitMemory, destination: Destination): Destination {
  memory.goTo(destination);
  return destination;
}

function fromOf(object: UnitObject): string {
  const { kind = 'Secret', name = '' } = kubeConfigReference(object) ?? {};
  return `${kind}/${object.metadata.namespace ?? ''}/${name}`;
}
