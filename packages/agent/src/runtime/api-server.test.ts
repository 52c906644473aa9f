import type { Away, Connection } from '@plumb/kube';
import { expect, test } from 'vitest';
import { awayText, tellOfApiServer } from './api-server.ts';
import { Metrics } from './metrics.ts';

class FakeConnection implements Connection {
  away: Away | null = null;
  readonly load = { window: 8, inFlight: 3, waiting: { emergency: 0, drift: 1, request: 2, background: 5 } };
  readonly #listeners = new Set<(away: Away | null) => void>();

  awayFor(): number {
    return this.away === null ? 0 : 12_500;
  }

  listen(listener: (away: Away | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async back(): Promise<void> {
    await Promise.resolve();
  }

  become(away: Away | null): void {
    this.away = away;
    for (const listener of this.#listeners) listener(away);
  }
}

const AWAY: Away = { since: Date.UTC(2026, 0, 2, 3, 4, 5), error: 'HTTP 503' };

test('going and coming back are one line each, and none after the end', () => {
  const connection = new FakeConnection();
  const said: string[] = [];
  const end = tellOfApiServer(connection, new Metrics(), (text) => said.push(text));
  connection.become(AWAY);
  connection.become(null);
  end();
  connection.become(AWAY);
  expect(said).toEqual([
    'the API server has not answered since 2026-01-02T03:04:05.000Z: HTTP 503',
    expect.stringMatching(/^the API server answers again after [\d.]+ s$/),
  ]);
  expect(awayText({ away: null })).toBeNull();
});

test('the metrics tell of the outage, the window and who waits', () => {
  const connection = new FakeConnection();
  const metrics = new Metrics();
  tellOfApiServer(connection, metrics, () => undefined);
  connection.become(AWAY);
  const values = [...metrics.lines()].filter((line) => !line.startsWith('#'));
  expect(values).toEqual([
    'plumb_api_unreachable_seconds 12.5',
    'plumb_api_request_window 8',
    'plumb_api_requests_in_flight 3',
    'plumb_api_requests_waiting{priority="emergency"} 0',
    'plumb_api_requests_waiting{priority="drift"} 1',
    'plumb_api_requests_waiting{priority="request"} 2',
    'plumb_api_requests_waiting{priority="background"} 5',
  ]);
});
