import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectKey } from '@plumb/api';
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster } from '../cluster.ts';
import { FakeApi, Hop, rejection, respond, type Protocol } from '../fake-api.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const named = (name: string): ObjectKey => ({ ...CONFIG_MAP, namespace: 'shop', name });
const body = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' } });
const answer = (request: IncomingMessage, response: ServerResponse): void => {
  respond(response, 200, body(String(request.url?.split('?')[0]?.split('/').pop())));
};
const streamOf = (request: IncomingMessage): ServerHttp2Stream =>
  (request as unknown as { stream: ServerHttp2Stream }).stream;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(protocol: Protocol = 'h2', settings: { maxConcurrentStreams?: number } = {}): Promise<FakeApi> {
  const fake = await FakeApi.start(protocol, settings);
  cleanups.push(() => fake.close());
  fake.handler = answer;
  return fake;
}

function client(fake: FakeApi, settings: Parameters<FakeApi['cluster']>[0] = {}): Cluster {
  const cluster = fake.cluster(settings);
  cleanups.push(() => cluster.close());
  return cluster;
}

/** A handler that lets the test answer when it wants. */
function holding(fake: FakeApi, count: number): Promise<[IncomingMessage, ServerResponse][]> {
  const held: [IncomingMessage, ServerResponse][] = [];
  const { promise, resolve } = Promise.withResolvers<[IncomingMessage, ServerResponse][]>();
  fake.handler = (request, response) => {
    held.push([request, response]);
    if (held.length === count) resolve(held);
  };
  return promise;
}

describe('one connection', () => {
  test('carries requests and watches side by side', async () => {
    const fake = await start();
    const cluster = client(fake);
    await cluster.get(named('first'));
    const held = holding(fake, 1);
    const stopped = new AbortController();
    const watch = cluster.watch(CONFIG_MAP, { resourceVersion: '1', signal: stopped.signal })[Symbol.asyncIterator]();
    const ended = rejection(watch.next());
    await held;
    fake.handler = answer;
    await Promise.all(Array.from({ length: 50 }, (_, index) => cluster.get(named(`n${index}`))));
    expect(fake.sessions).toHaveLength(1);
    stopped.abort();
    expect(await ended).toMatchObject({ code: 'cancelled' });
  });

  test('is joined by another when the server limits its streams', async () => {
    const fake = await start('h2', { maxConcurrentStreams: 2 });
    const cluster = client(fake);
    await cluster.get(named('first'));
    const held = holding(fake, 3);
    const gets = ['a', 'b', 'c'].map((name) => cluster.get(named(name)));
    for (const [request, response] of await held) answer(request, response);
    await Promise.all(gets);
    expect(fake.sessions).toHaveLength(2);
  });

  test('never has more requests in flight than allowed', async () => {
    const fake = await start();
    const cluster = client(fake, { maxInFlight: 3 });
    let now = 0;
    let most = 0;
    fake.handler = (request, response) => {
      now += 1;
      most = Math.max(most, now);
      setImmediate(() => {
        now -= 1;
        answer(request, response);
      });
    };
    await Promise.all(Array.from({ length: 30 }, (_, index) => cluster.get(named(`n${index}`))));
    expect(most).toBe(3);
  });
});

describe('no request is lost', () => {
  test('when the server goes away after what is under way', async () => {
    const fake = await start();
    const cluster = client(fake);
    await cluster.get(named('first'));
    const held = holding(fake, 2);
    const gets = [cluster.get(named('a')), cluster.get(named('b'))];
    const [first, second] = await held;
    fake.sessions[0]?.goaway(0, streamOf(second![0]).id ?? 0);
    fake.handler = answer;
    await once(fake.sessions[0]!, 'goaway').catch(() => {});
    for (const [request, response] of [first!, second!]) answer(request, response);
    expect(await Promise.all(gets)).toHaveLength(2);
    await cluster.get(named('c'));
    expect(fake.sessions).toHaveLength(2);
  });

  test('when the server goes away and names them as unprocessed: also a create is sent again', async () => {
    const fake = await start();
    const cluster = client(fake);
    await cluster.get(named('first'));
    const held = holding(fake, 2);
    const wanted = [cluster.get(named('a')), cluster.create(body('b'))];
    const [first] = await held;
    fake.handler = answer;
    fake.sessions[0]?.goaway(0, streamOf(first![0]).id ?? 0);
    answer(first![0], first![1]);
    expect(await Promise.all(wanted)).toHaveLength(2);
    expect(fake.seen().filter((line) => line.startsWith('POST'))).toHaveLength(2);
  });

  test('when the server refuses the stream', async () => {
    const fake = await start();
    const cluster = client(fake);
    fake.handler = (request) => {
      fake.handler = answer;
      streamOf(request).close(7);
    };
    await cluster.create(body('a'));
    expect(fake.seen()).toHaveLength(2);
  });

  test.each([
    { what: 'a get', call: (cluster: Cluster) => cluster.get(named('a')) },
    { what: 'an apply', call: (cluster: Cluster) => cluster.apply(body('a'), { fieldManager: 'm' }) },
  ])('when the connection is cut under $what', async ({ call }) => {
    const fake = await start();
    fake.handler = () => {
      fake.handler = answer;
      fake.sockets[0]?.destroy();
    };
    await call(client(fake));
    expect(fake.seen()).toHaveLength(2);
  });

  test('when the server was started anew', async () => {
    const fake = await start();
    const cluster = client(fake);
    await cluster.get(named('a'));
    const { port } = fake;
    await fake.close();
    await expect(cluster.get(named('b'))).rejects.toMatchObject({ code: 'api-unavailable' });
    await fake.listen(port);
    expect(await cluster.get(named('c'))).toMatchObject({ metadata: { name: 'c' } });
  });
});

test.each<Protocol>(['h2', 'http/1.1', 'plain'])(
  'over %s a deletion keeps its conditions, and the connection',
  async (protocol) => {
    const fake = await start(protocol);
    const bodies: string[] = [];
    fake.handler = (request, response) => {
      void (async (): Promise<void> => {
        let text = '';
        for await (const chunk of request) text += String(chunk);
        bodies.push(text);
        answer(request, response);
      })();
    };
    const cluster = client(fake);
    await cluster.delete(named('a'), { preconditions: { uid: 'ü', resourceVersion: '7' } });
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ preconditions: { uid: 'ü', resourceVersion: '7' } });
    await cluster.get(named('b'));
    expect(fake.seen()).toHaveLength(2);
  },
);

test('a create is not repeated when the connection is cut under it: it may have been carried out', async () => {
  const fake = await start();
  fake.handler = () => fake.sockets[0]?.destroy();
  await expect(client(fake).create(body('a'))).rejects.toMatchObject({ code: 'api-unavailable', policy: 'retry' });
  expect(fake.seen()).toHaveLength(1);
});

test('a connection that fell silent is found by PING and replaced', async () => {
  const fake = await start();
  const hop = await Hop.before(fake.port);
  cleanups.push(() => hop.close());
  const cluster = client(fake, { port: hop.port, keepAlive: { interval: 50, deadline: 1_000 } });
  await cluster.get(named('a'));
  hop.freeze();
  expect(await cluster.get(named('b'))).toMatchObject({ metadata: { name: 'b' } });
  expect(hop.connections).toBe(2);
});

describe('a server that does not answer', () => {
  test('costs no more than the deadline, and the stream is reset', async () => {
    const fake = await start();
    const cluster = client(fake, { limits: { timeout: 1_000, body: 1_000_000 } });
    await cluster.discover();
    const held = holding(fake, 1);
    await expect(cluster.get(named('a'))).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('within 1 s'),
    });
    const [request] = (await held)[0]!;
    if (!streamOf(request).closed) await once(streamOf(request), 'close');
    expect(streamOf(request).rstCode).toBe(8);
  });

  test('is left when the caller aborts', async () => {
    const fake = await start();
    const cluster = client(fake);
    const held = holding(fake, 1);
    const stopped = new AbortController();
    const get = rejection(cluster.get(named('a'), { signal: stopped.signal }));
    await held;
    stopped.abort();
    expect(await get).toMatchObject({ code: 'cancelled' });
  });

  test('does not keep a caller that waits for its turn', async () => {
    const fake = await start();
    const cluster = client(fake, { maxInFlight: 1 });
    await cluster.discover();
    const held = holding(fake, 1);
    const first = cluster.get(named('a'));
    const [request, response] = (await held)[0]!;
    const stopped = new AbortController();
    const second = rejection(cluster.get(named('b'), { signal: stopped.signal }));
    stopped.abort();
    expect(await second).toMatchObject({ code: 'cancelled' });
    fake.handler = answer;
    answer(request, response);
    await first;
    expect(await cluster.get(named('c'))).not.toBeNull();
  });

  test('is no server at all', async () => {
    const fake = await start();
    const cluster = client(fake);
    await fake.close();
    await expect(cluster.get(named('a'))).rejects.toMatchObject({
      code: 'api-unavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await fake.listen(0);
  });
});

describe('an answer that is no answer', () => {
  test.each([
    { what: 'JSON cut short', text: '{"apiVersion":"v1","kind":"ConfigMap","meta', says: 'not valid JSON' },
    { what: 'the page of a proxy', text: '<html>hello</html>', says: 'not valid JSON' },
    { what: 'a list in place of an object', text: '[]', says: 'not a JSON object' },
    { what: 'an object without metadata', text: '{"apiVersion":"v1","kind":"ConfigMap"}', says: 'not an object with' },
    { what: 'more than we are ready to hold', text: `{"pad":"${'x'.repeat(20_000)}"}`, says: 'exceeds 10000 bytes' },
  ])('$what', async ({ text, says }) => {
    const fake = await start();
    fake.handler = (_request, response) => respond(response, 200, text);
    const cluster = client(fake, { limits: { timeout: 5_000, body: 10_000 } });
    await expect(cluster.get(named('a'))).rejects.toMatchObject({
      code: 'api-unavailable',
      message: expect.stringContaining(says),
    });
  });

  test.each<Protocol>(['http/1.1', 'h2'])('a %s connection closed in the middle of the body', async (protocol) => {
    const fake = await start(protocol);
    fake.handler = (_request, response) => {
      response.writeHead(200);
      response.write('{"apiVersion":', () => fake.sockets.at(-1)?.destroy());
    };
    await expect(client(fake).patch(named('a'), {}, { type: 'merge' })).rejects.toMatchObject({
      code: 'api-unavailable',
      message: expect.stringContaining('cut short'),
    });
  });
});

describe('where the server speaks no HTTP/2', () => {
  test.each<Protocol>(['http/1.1', 'plain'])('%s serves requests and watches', async (protocol) => {
    const fake = await start(protocol);
    const cluster = client(fake);
    expect(await cluster.apply(body('a'), { fieldManager: 'm' })).toMatchObject({ metadata: { name: 'a' } });
    fake.handler = (_request, response) => {
      response.writeHead(200);
      response.end(
        '{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"2"}}}\n',
      );
    };
    const types: string[] = [];
    for await (const event of cluster.watch(CONFIG_MAP, { resourceVersion: '1', signal: AbortSignal.timeout(5_000) })) {
      types.push(event.type);
    }
    expect(types).toEqual(['added']);
  });

  test('a plain get is repeated when its connection is cut', async () => {
    const fake = await start('http/1.1');
    fake.handler = (_request, response) => {
      fake.handler = answer;
      response.destroy();
    };
    expect(await client(fake).get(named('a'))).not.toBeNull();
  });
});

test('every request is counted by verb, resource and status', async () => {
  const counted: string[] = [];
  const fake = await start();
  const counter = {
    count: (verb: string, resource: string, status: number) => counted.push(`${verb} ${resource} ${status}`),
  };
  const cluster = client(fake, { counter });
  await cluster.apply(body('a'), { fieldManager: 'm' });
  fake.handler = (_request, response) => respond(response, 404, { kind: 'Status', message: 'gone' });
  await cluster.delete(named('a'));
  expect(counted).toEqual([
    'discover discovery 200',
    'discover discovery 200',
    'apply configmaps 200',
    'delete configmaps 404',
  ]);
});
