import type { UnitRef } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** Leave to work on one object. It is good for one piece of work: ask again for the next. */
export interface Claim {
  /** Changes nothing any more once the leave is over. */
  readonly cluster: Cluster;
  /** Another cluster under the same leave. */
  over(cluster: Cluster): Cluster;
  /** Aborts when the leave is over: the work is to end, what it has under way is awaited. */
  readonly signal: AbortSignal;
  /** Does the work; nobody else gets leave before it has ended. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** What a run may change the cluster through, and when it must end. */
export interface Leave extends Pick<Claim, 'cluster' | 'over' | 'signal'> {
  /** Does work that goes on after the run, under the same leave. `signal` aborts when that is over. */
  hold<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Which objects this replica works on. */
export interface Shards {
  /** @returns null when the object is not this replica's, or not yet */
  claim(unit: UnitRef): Claim | null;
  owns(unit: UnitRef): boolean;
  /** Told after each change of what is owned. */
  listen(listener: () => void): void;
}

/** No other replica: everything is ours. */
export function aloneWith(cluster: Cluster): Shards {
  const claim: Claim = {
    cluster,
    over: (other) => other,
    signal: new AbortController().signal,
    run: (work) => work(),
  };
  return { claim: () => claim, owns: () => true, listen: () => undefined };
}

export function unitId({ kind, namespace, name }: UnitRef): string {
  return `${kind}/${namespace}/${name}`;
}
