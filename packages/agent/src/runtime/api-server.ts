import type { Cluster, Connection } from '@plumb/kube';
import { PRIORITIES } from '@plumb/kube';
import type { Metrics } from './metrics.ts';

/** Since when the API server does not answer; null while it does. */
export function awayText({ away }: Pick<Connection, 'away'>): string | null {
  if (away === null) return null;
  return `the API server has not answered since ${new Date(away.since).toISOString()}: ${away.error}`;
}

/** Tells of the connection to the API server: a line when it is lost and one when it is back. @returns ends the telling */
export function tellOfApiServer(connection: Connection, say: (text: string) => void): () => void {
  let since = 0;
  return connection.listen((away) => {
    if (away !== null) since = performance.now();
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    say(awayText({ away }) ?? `the API server answers again after ${seconds} s`);
  });
}

/** A connection to an API server. `host` and `id` are empty for the agent's own. */
interface Measured {
  readonly host: string;
  readonly id: string;
  readonly cluster: Pick<Cluster, 'connection'>;
}

/** Gauges of the requests under way, for each connection: two identities at one host are two. */
export function measureApiServers(metrics: Metrics, all: () => readonly Measured[]): void {
  const each = (read: (connection: Connection) => number) => () =>
    all().map((one) => ({ labels: labelsOf(one), value: read(one.cluster.connection) }));
  metrics.gauges(
    'plumb_api_unreachable_seconds',
    'How long an API server has not answered; 0 while it does.',
    ['cluster', 'connection'],
    each((connection) => connection.awayFor() / 1_000),
  );
  metrics.gauges(
    'plumb_api_request_window',
    'Requests that may be in flight to an API server at once.',
    ['cluster', 'connection'],
    each((connection) => connection.load.window),
  );
  metrics.gauges(
    'plumb_api_requests_in_flight',
    'Requests in flight to an API server, watches not counted.',
    ['cluster', 'connection'],
    each((connection) => connection.load.inFlight),
  );
  metrics.gauges(
    'plumb_api_requests_waiting',
    'Requests to an API server that wait for their turn, by priority.',
    ['cluster', 'connection', 'priority'],
    () =>
      all().flatMap((one) => {
        const { waiting } = one.cluster.connection.load;
        return PRIORITIES.map((priority) => ({ labels: { ...labelsOf(one), priority }, value: waiting[priority] }));
      }),
  );
}

/** The agent's own cluster has empty labels, which Prometheus takes for none. */
function labelsOf({ host, id }: Measured): { cluster: string; connection: string } {
  return { cluster: host, connection: id.slice(0, 8) };
}
