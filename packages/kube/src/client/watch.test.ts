import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Cluster, WatchEvent } from '../cluster.ts';
import { FakeApi, respond } from '../fake-api.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

let fake: FakeApi;
let cluster: Cluster;
beforeEach(async () => {
  fake = await FakeApi.start();
  cluster = fake.cluster();
});
afterEach(async () => {
  await cluster.close();
  await fake.close();
});

const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const configMap = (name: string, resourceVersion: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, resourceVersion },
});
const status = (code: number, message: string, reason: string): object => ({ kind: 'Status', code, message, reason });

async function collect(signal: AbortSignal = AbortSignal.timeout(10_000)): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of cluster.watch(CONFIG_MAP, { resourceVersion: '5', signal })) events.push(event);
  return events;
}

/** Sends the chunks one by one, each after the one before has left. */
function streaming(
  chunks: (string | Buffer)[],
  end: (response: ServerResponse) => void = (response) => response.end(),
): void {
  fake.handler = (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const send = (index: number): void => {
      const chunk = chunks[index];
      if (chunk === undefined) end(response);
      else response.write(chunk, () => send(index + 1));
    };
    send(0);
  };
}

test('asks for bookmarks, from its version on, and for an end in 5 to 10 minutes', async () => {
  streaming([]);
  await collect();
  const query = new URL(fake.requests.at(-1)?.url ?? '', 'https://x').searchParams;
  expect(Object.fromEntries(query)).toMatchObject({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '5' });
  expect(Number(query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
  expect(Number(query.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
});

test('of metadata alone asks for nothing else', async () => {
  streaming([]);
  const signal = AbortSignal.timeout(10_000);
  for await (const _event of cluster.watch(CONFIG_MAP, { resourceVersion: '5', metadataOnly: true, signal }));
  expect(fake.requests.at(-1)?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  await collect();
  expect(fake.requests.at(-1)?.headers.accept).toBe('application/json');
});

test('events come whole though every byte is sent alone', async () => {
  const text =
    line('ADDED', configMap('grün', '6')) +
    line('MODIFIED', configMap('日本', '7')) +
    line('DELETED', configMap('🙂', '8'));
  streaming([...Buffer.from(text)].map((byte) => Buffer.of(byte)));
  const events = await collect();
  expect(
    events.map((event) => ('object' in event ? `${event.type} ${event.object.metadata.name}` : event.type)),
  ).toEqual(['added grün', 'modified 日本', 'deleted 🙂']);
});

test('a bookmark carries its version; a type of event that is new to us is passed over', async () => {
  streaming([line('BOOKMARK', configMap('', '9')), line('LATER', configMap('x', '10'))]);
  expect(await collect()).toEqual([{ type: 'bookmark', resourceVersion: '9' }]);
});

test('410 as an ERROR event is expired', async () => {
  streaming([
    line('ADDED', configMap('a', '6')),
    line('ERROR', status(410, 'too old resource version: 5 (6)', 'Expired')),
  ]);
  expect((await collect()).map((event) => event.type)).toEqual(['added', 'expired']);
});

test.each([
  { what: '410 as HTTP status', http: 410, body: status(410, 'too old', 'Expired') },
  {
    what: 'a version from the future',
    http: 504,
    body: status(504, 'Too large resource version: 5, current: 2', 'Timeout'),
  },
])('$what is expired', async ({ http, body }) => {
  fake.handler = (_request, response) => respond(response, http, body);
  expect(await collect()).toEqual([{ type: 'expired' }]);
});

test.each([
  { what: '429', http: 429, code: 'api-unavailable', retryAfter: 3_000 },
  { what: '403', http: 403, code: 'api-forbidden', retryAfter: 3_000 },
])('$what is thrown with the message of the server', async ({ http, code, retryAfter }) => {
  fake.handler = (_request, response) => respond(response, http, status(http, 'not now', 'x'), { 'retry-after': '3' });
  await expect(collect()).rejects.toMatchObject({ code, retryAfter, message: 'not now' });
});

test.each([
  {
    what: 'another error',
    chunks: [line('ERROR', status(500, 'etcd is gone', 'InternalError'))],
    says: 'etcd is gone',
  },
  { what: 'a line that is not JSON', chunks: ['{"type":"ADDED",\n'], says: 'not valid JSON' },
  { what: 'an event without an object', chunks: ['{"type":"ADDED"}\n'], says: 'without an object' },
])('$what ends it', async ({ chunks, says }) => {
  streaming(chunks);
  await expect(collect()).rejects.toMatchObject({ code: 'api-unavailable', message: expect.stringContaining(says) });
});

test('a line without end is refused before it fills the memory', async () => {
  const part = Buffer.alloc(1024 * 1024, 'x');
  streaming(Array.from({ length: 20 }, () => part));
  await expect(collect()).rejects.toMatchObject({
    code: 'api-unavailable',
    message: expect.stringContaining('exceeds 16777216 bytes'),
  });
});

test('a stream that is cut throws after what came before it', async () => {
  streaming([line('ADDED', configMap('a', '6')), '{"type":"MOD'], () => fake.sockets[0]?.destroy());
  const events: WatchEvent[] = [];
  const read = async (): Promise<void> => {
    for await (const event of cluster.watch(CONFIG_MAP, { resourceVersion: '5', signal: AbortSignal.timeout(10_000) }))
      events.push(event);
  };
  await expect(read()).rejects.toMatchObject({ code: 'api-unavailable' });
  expect(events).toHaveLength(1);
});

test('leaving the loop closes the stream on the server', async () => {
  const closed = Promise.withResolvers<void>();
  fake.handler = (_request, response) => {
    response.on('close', closed.resolve);
    response.writeHead(200);
    response.write(line('ADDED', configMap('a', '6')));
  };
  const { signal } = new AbortController();
  for await (const event of cluster.watch(CONFIG_MAP, { resourceVersion: '5', signal })) {
    expect(event.type).toBe('added');
    break;
  }
  await closed.promise;
});

test('an abort ends it with cancelled, also one that came before', async () => {
  streaming([line('ADDED', configMap('a', '6'))], () => {});
  const stopped = new AbortController();
  const read = async (): Promise<void> => {
    for await (const _event of cluster.watch(CONFIG_MAP, { resourceVersion: '5', signal: stopped.signal }))
      stopped.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
  await expect(collect(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
});
