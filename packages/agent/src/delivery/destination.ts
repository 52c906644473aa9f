import type { Away, Cluster, Connection } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import type { LiveObjects } from './live.ts';

/** A cluster that units deliver to: a connection to it, and what is in view there. */
export interface Destination {
  /** Names the connection, by address and identity; empty: that of the agent itself, to the cluster it runs in. */
  readonly id: string;
  /** Names the cluster, whoever we are there; empty for the one the agent runs in. */
  readonly place: string;
  /** `host:port`, for people; empty for the cluster the agent runs in. */
  readonly host: string;
  readonly cluster: Cluster;
  readonly live: LiveObjects;
  /** Asks the server whether it takes our credentials, if it refused them last. @throws PlumbError api-forbidden (401), api-unavailable */
  confirm(): Promise<void>;
}

/** Why a cluster cannot be delivered to now; null for one that answers, and for the agent's own, which is waited for elsewhere. */
export function awayOf(destination: Destination | null): Away | null {
  if (destination === null || destination.id === '') return null;
  return destination.cluster.connection.away;
}

/** Milliseconds a cluster may be away before a run on it ends: a connection that is cut and comes back costs none. */
const PATIENCE = 2_000;

/**
 * Ends a run whose cluster goes away under it: it would hold a worker for as long as requests wait. The agent's own cluster ends none.
 * `stop` lets go of it.
 */
export function whileThere(destination: Destination, clock: Clock): { signal: AbortSignal; stop: () => void } {
  const over = new AbortController();
  if (destination.id === '') return { signal: over.signal, stop: () => undefined };
  const connection: Connection = destination.cluster.connection;
  let cancel = (): void => undefined;
  const look = (away: Away | null): void => {
    cancel();
    if (away !== null) cancel = clock.after(PATIENCE, () => over.abort());
  };
  look(connection.away);
  const end = connection.listen(look);
  const stop = (): void => {
    end();
    cancel();
  };
  return { signal: over.signal, stop };
}
