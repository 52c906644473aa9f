import type { Away, Connection } from '@plumb/kube';
import { expect, test } from 'vitest';
import { awayText, measureApiServers, tellOfApiServer } from './api-server.ts';
import { Metrics } from './metrics.ts';

class FakeConnection implements Connection {
  away: Away | null = null;
  readonly load = { window: 8, inFlight: 3, waiting: { emergency: 0, drift: 1, request: 2, background: 5 } };
  readonly #listeners = new Set<(away: Away | null) => void>();

  readonly time = null;

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
  const end = tellOfApiServer(connection, (text) => said.push(text));
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

test('the metrics tell of outages, windows and who waits, for each connection', () => {
  const [own, far] = [new FakeConnection(), new FakeConnection()];
  const metrics = new Metrics();
  measureApiServers(metrics, () => [
    { host: '', id: '', cluster: { connection: own } },
    { host: 'far.example:443', id: '0123456789abcdef', cluster: { connection: far } },
  ]);
  far.become(AWAY);
  const values = [...metrics.lines()].filter((line) => !line.startsWith('#'));
  const own_ = '{cluster="",connection=""';
  const far_ = '{cluster="far.example:443",connection="01234567"';
  expect(values.slice(0, 6)).toEqual([
    `plumb_api_unreachable_seconds${own_}} 0`,
    `plumb_api_unreachable_seconds${far_}} 12.5`,
    `plumb_api_request_window${own_}} 8`,
    `plumb_api_request_window${far_}} 8`,
    `plumb_api_requests_in_flight${own_}} 3`,
    `plumb_api_requests_in_flight${far_}} 3`,
  ]);
  expect(values.slice(6)).toEqual(
    [own_, far_].flatMap((labels) => [
      `plumb_api_requests_waiting${labels},priority="emergency"} 0`,
      `plumb_api_requests_waiting${labels},priority="drift"} 1`,
      `plumb_api_requests_waiting${labels},priority="request"} 2`,
      `plumb_api_requests_waiting${labels},priority="background"} 5`,
    ]),
  );
});
