import type { Connection } from '@plumb/kube';
import { PRIORITIES } from '@plumb/kube';
import type { Metrics } from './metrics.ts';

/** Since when the API server does not answer; null while it does. */
export function awayText({ away }: Pick<Connection, 'away'>): string | null {
  if (away === null) return null;
  return `the API server has not answered since ${new Date(away.since).toISOString()}: ${away.error}`;
}

/**
 * Tells of the connection to the API server: a line when it is lost and one when it is back, and gauges of the requests under way.
 * @returns ends the telling
 */
export function tellOfApiServer(connection: Connection, metrics: Metrics, say: (text: string) => void): () => void {
  metrics.gauge(
    'plumb_api_unreachable_seconds',
    'How long the API server has not answered; 0 while it does.',
    () => connection.awayFor() / 1_000,
  );
  metrics.gauge(
    'plumb_api_request_window',
    'Requests that may be in flight to the API server at once.',
    () => connection.load.window,
  );
  metrics.gauge(
    'plumb_api_requests_in_flight',
    'Requests in flight to the API server, watches not counted.',
    () => connection.load.inFlight,
  );
  metrics.gauges('plumb_api_requests_waiting', 'Requests that wait for their turn, by priority.', ['priority'], () => {
    const { waiting } = connection.load;
    return PRIORITIES.map((priority) => ({ labels: { priority }, value: waiting[priority] }));
  });
  let since = 0;
  return connection.listen((away) => {
    if (away !== null) since = performance.now();
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    say(awayText({ away }) ?? `the API server answers again after ${seconds} s`);
  });
}
