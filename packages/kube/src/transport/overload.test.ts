import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { ObjectKey } from '@plumb/api';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Away, Cluster } from '../cluster.ts';
import { FakeApi, rejection, respond } from '../fake-api.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const named = (name: string): ObjectKey => ({ ...CONFIG_MAP, namespace: 'shop', name });
const answer = (_request: IncomingMessage, response: ServerResponse): void => {
  respond(response, 200, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } });
};
const refuse = (_request: IncomingMessage, response: ServerResponse): void => {
  respond(response, 429, { kind: 'Status', message: 'slow down' });
};

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(settings: Parameters<FakeApi['cluster']>[0] = {}): Promise<{ fake: FakeApi; cluster: Cluster }> {
  const fake = await FakeApi.start();
  fake.handler = answer;
  const cluster = fake.cluster(settings);
  cleanups.push(
    () => fake.close(),
    () => cluster.close(),
  );
  await cluster.get(named('first'));
  fake.requests.length = 0;
  return { fake, cluster };
}

describe('I12: an overloaded server', () => {
  test('gets fewer requests, not as many as it can refuse', async () => {
    const { fake, cluster } = await start();
    fake.handler = refuse;
    const stopped = new AbortController();
    const gets = Array.from({ length: 500 }, () => rejection(cluster.get(named('a'), { signal: stopped.signal })));
    await Promise.race([gets[70], new Promise((resolve) => setTimeout(resolve, 400))]);
    expect(fake.requests.length).toBeLessThan(80);
    stopped.abort();
    await Promise.all(gets);
  });

  test('slows down nobody who asks another one', async () => {
    const [far, home] = [await start(), await start()];
    far.fake.handler = refuse;
    const stopped = new AbortController();
    // More than are served while the others ask.
    const refused = Array.from({ length: 2_000 }, () =>
      rejection(far.cluster.get(named('a'), { signal: stopped.signal })),
    );
    await vi.waitUntil(() => far.fake.requests.length > 0 && far.cluster.connection.load.waiting.request > 0, 10_000);
    await Promise.all(Array.from({ length: 50 }, () => home.cluster.get(named('a'))));
    expect(home.fake.requests).toHaveLength(50);
    expect(far.cluster.connection.load.waiting.request).toBeGreaterThan(0);
    stopped.abort();
    await Promise.all(refused);
  });

  test('serves what waits, the urgent first, as soon as it can again', async () => {
    const { fake, cluster } = await start({ maxInFlight: 1 });
    fake.handler = (request, response) => {
      fake.handler = answer;
      refuse(request, response);
    };
    await rejection(cluster.get(named('refused')));
    const order: string[] = [];
    const get = (view: Cluster, name: string): Promise<unknown> => view.get(named(name)).then(() => order.push(name));
    const background = get(cluster.withPriority('background'), 'status');
    const request = get(cluster, 'commit');
    const drift = get(cluster.as('someone').withPriority('drift'), 'drift');
    await setImmediate();
    expect(cluster.connection.load.waiting).toEqual({ emergency: 0, drift: 1, request: 1, background: 1 });
    await Promise.all([background, request, drift]);
    expect(order).toEqual(['drift', 'commit', 'status']);
  });

  test('that answers an object with 500 for its own flaws is not overloaded', async () => {
    const { fake, cluster } = await start();
    const message = 'failed to create typed patch object (shop/a; /v1, Kind=ConfigMap): .dta: field not declared';
    fake.handler = (_request, response) => respond(response, 500, { kind: 'Status', message });
    const apply = (): Promise<unknown> =>
      rejection(
        cluster.apply(
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } },
          { fieldManager: 'm' },
        ),
      );
    await Promise.all(Array.from({ length: 20 }, apply));
    expect(cluster.connection.load.window).toBe(32);
  });
});

describe('a server that is away', () => {
  test('is asked by one probe at a time, is told of once, and is not stampeded when it is back', async () => {
    const { fake, cluster } = await start();
    const told: (Away | null)[] = [];
    cluster.connection.listen((away) => told.push(away));
    const { port } = fake;
    await fake.close();
    await rejection(cluster.get(named('found-out')));
    expect(cluster.connection.away).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') });
    let [now, most] = [0, 0];
    fake.handler = (request, response) => {
      now += 1;
      most = Math.max(most, now);
      globalThis.setImmediate(() => {
        now -= 1;
        answer(request, response);
      });
    };
    const gets = Array.from({ length: 10 }, (_, index) => cluster.get(named(`n${index}`)));
    await fake.listen(port);
    await Promise.all(gets);
    expect(told).toEqual([expect.objectContaining({ since: expect.any(Number) }), null]);
    expect(fake.seen()[0]).toBe('GET /readyz');
    expect(most).toBeLessThanOrEqual(7);
    expect(cluster.connection.awayFor()).toBe(0);
  });

  test('keeps a caller no longer than an answer may take, and says since when it is away', async () => {
    const { fake, cluster } = await start({ limits: { timeout: 1_000, body: 1_000_000 } });
    const { port } = fake;
    await fake.close();
    await rejection(cluster.get(named('a')));
    expect(await rejection(cluster.get(named('b')))).toMatchObject({
      code: 'api-unavailable',
      message: expect.stringMatching(/has not answered since \d{4}-.*ECONNREFUSED/),
    });
    await fake.listen(port);
  });

  test('is away as well when it answers nothing but errors', async () => {
    const { fake, cluster } = await start();
    fake.handler = (_request, response) => respond(response, 503, { kind: 'Status', message: 'starting' });
    while (cluster.connection.away === null) await rejection(cluster.get(named('a')));
    expect(cluster.connection.away.error).toBe('HTTP 503');
    fake.handler = answer;
    await cluster.connection.back(AbortSignal.timeout(5_000));
  });

  test('lets a lease through at any time', async () => {
    const { fake, cluster } = await start();
    fake.handler = refuse;
    await rejection(cluster.get(named('a')));
    const lease = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', namespace: 'shop', name: 'l' };
    fake.discovery = (_request, response) => respond(response, 200, LEASES);
    fake.handler = answer;
    expect(await cluster.get(lease)).not.toBeNull();
    expect(cluster.connection.load.inFlight).toBe(0);
  });
});

const LEASES = {
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: 'coordination.k8s.io' },
      versions: [
        {
          version: 'v1',
          resources: [{ resource: 'leases', responseKind: { kind: 'Lease' }, scope: 'Namespaced', verbs: ['get'] }],
        },
      ],
    },
  ],
};
