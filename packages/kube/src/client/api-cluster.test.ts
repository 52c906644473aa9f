import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { keyOf, PlumbError, type KubeObject } from '@plumb/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Cluster } from '../cluster.ts';
import { FakeApi, rejection, respond } from '../fake-api.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const KEY = { ...CONFIG_MAP, namespace: 'shop', name: 'cart' };
const OBJECT: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cart', namespace: 'shop' },
  data: { a: '1' },
};
const SECRET: KubeObject = { ...OBJECT, kind: 'Secret' };

let fake: FakeApi;
let cluster: Cluster;
beforeEach(async () => {
  fake = await FakeApi.start();
  cluster = fake.cluster({ user: { token: 'abc' } });
});
afterEach(async () => {
  await cluster.close();
  await fake.close();
});

/** Answers with `body` and keeps what was asked. */
function answering(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): { sent: () => Promise<unknown> } {
  const asked = Promise.withResolvers<string>();
  fake.handler = (request, response) => {
    text(request).then(asked.resolve, asked.reject);
    respond(response, status, body, headers);
  };
  return { sent: async () => JSON.parse(await asked.promise) as unknown };
}

const status = (message: string, more: object = {}): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  message,
  ...more,
});

async function failure(call: Promise<unknown>): Promise<PlumbError> {
  const error = await rejection(call);
  expect(error).toBeInstanceOf(PlumbError);
  return error as PlumbError;
}

describe('requests', () => {
  const path = '/api/v1/namespaces/shop/configmaps/cart';
  test.each<{ what: string; call: () => Promise<unknown>; line: string; type: string | undefined }>([
    { what: 'get', call: () => cluster.get(KEY), line: `GET ${path}`, type: undefined },
    {
      what: 'apply',
      call: () => cluster.apply(OBJECT, { fieldManager: 'm', force: true, dryRun: true }),
      line: `PATCH ${path}?fieldManager=m&force=true&dryRun=All`,
      type: 'application/apply-patch+yaml',
    },
    {
      what: 'create',
      call: () => cluster.create(OBJECT, { fieldManager: 'm' }),
      line: 'POST /api/v1/namespaces/shop/configmaps?fieldManager=m',
      type: 'application/json',
    },
    {
      what: 'update of status',
      call: () => cluster.update(OBJECT, { subresource: 'status' }),
      line: `PUT ${path}/status`,
      type: 'application/json',
    },
    {
      what: 'merge patch of status',
      call: () => cluster.patch(KEY, {}, { type: 'merge', subresource: 'status' }),
      line: `PATCH ${path}/status`,
      type: 'application/merge-patch+json',
    },
    {
      what: 'json patch',
      call: () => cluster.patch(KEY, [], { type: 'json' }),
      line: `PATCH ${path}`,
      type: 'application/json-patch+json',
    },
    {
      what: 'strategic patch',
      call: () => cluster.patch(KEY, {}, { type: 'strategic', fieldManager: 'a b' }),
      line: `PATCH ${path}?fieldManager=a%20b`,
      type: 'application/strategic-merge-patch+json',
    },
    { what: 'delete', call: () => cluster.delete(KEY), line: `DELETE ${path}`, type: 'application/json' },
    {
      what: 'a name with a colon',
      call: () => cluster.get({ ...KEY, name: 'system:view/x' }),
      line: 'GET /api/v1/namespaces/shop/configmaps/system%3Aview%2Fx',
      type: undefined,
    },
  ])('$what', async ({ call, line, type }) => {
    answering(200, OBJECT);
    await call();
    expect(fake.seen()).toEqual([line]);
    expect(fake.requests.at(-1)?.headers['content-type']).toBe(type);
  });

  test('delete sends its preconditions', async () => {
    const { sent } = answering(200, status(''));
    expect(
      await cluster.delete(KEY, { preconditions: { uid: 'u', resourceVersion: '7' }, propagationPolicy: 'Background' }),
    ).toBe(true);
    expect(await sent()).toEqual({
      preconditions: { uid: 'u', resourceVersion: '7' },
      propagationPolicy: 'Background',
    });
  });

  test('objects pass as they came: no field dropped, no digit lost', async () => {
    const wire =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"cart","namespace":"shop","odd":null},"big":9007199254740993,"f":1.50}';
    answering(200, wire);
    const got = await cluster.get(KEY);
    expect(got).toMatchObject({ big: 9007199254740993n, f: 1.5, metadata: { odd: null } });
    let body = '';
    const arrived = Promise.withResolvers<void>();
    fake.handler = (request, response) => {
      void text(request).then((sent) => {
        body = sent;
        respond(response, 200, wire);
        arrived.resolve();
      });
    };
    await cluster.update(got!);
    await arrived.promise;
    expect(body).toContain('"big":9007199254740993');
  });

  test.each([
    { what: 'no namespace', key: { ...KEY, namespace: '' }, says: 'has no namespace' },
    { what: 'no name', key: { ...KEY, name: '' }, says: 'without a name' },
    { what: 'a name that climbs', key: { ...KEY, name: '..' }, says: 'is not a name' },
  ])('an object with $what is not sent', async ({ key, says }) => {
    const error = await failure(cluster.get(key));
    expect(error).toMatchObject({ code: 'api-invalid', message: expect.stringContaining(says) });
    expect(fake.seen()).toEqual([]);
  });
});

describe('identities', () => {
  test('the credentials and the impersonated user are sent', async () => {
    answering(200, OBJECT);
    await cluster.as('system:serviceaccount:shop:deployer').get(KEY);
    expect(fake.requests.at(-1)?.headers).toMatchObject({
      authorization: 'Bearer abc',
      'impersonate-user': 'system:serviceaccount:shop:deployer',
      'user-agent': 'test',
    });
  });

  test("take the place of the kubeconfig's own impersonation, groups included", async () => {
    const user = { token: 't', as: 'root', 'as-groups': ['system:masters'] } as unknown as Record<string, string>;
    const powerful = fake.cluster({ user });
    answering(200, OBJECT);
    await powerful.get(KEY);
    expect(fake.requests.at(-1)?.headers).toMatchObject({
      'impersonate-user': 'root',
      'impersonate-group': 'system:masters',
    });
    await powerful.as('tenant').get(KEY);
    expect(fake.requests.at(-1)?.headers).toMatchObject({ 'impersonate-user': 'tenant' });
    expect(fake.requests.at(-1)?.headers).not.toHaveProperty('impersonate-group');
    await powerful.close();
  });

  test.each(['', ' ', '\t', 'a\nb', 'é'])('I9: the user %j is refused', (user) => {
    expect(() => cluster.as(user)).toThrow(expect.objectContaining({ code: 'access-denied' }));
  });

  test('closing one leaves the connection to the others', async () => {
    answering(200, OBJECT);
    await cluster.as('tenant').close();
    expect(await cluster.get(KEY)).not.toBeNull();
  });
});

describe('failures', () => {
  test.each([
    { http: 400, code: 'api-invalid', fault: 'user' },
    { http: 401, code: 'api-forbidden', fault: 'user' },
    { http: 403, code: 'api-forbidden', fault: 'user' },
    { http: 409, code: 'api-conflict', fault: 'system' },
    { http: 413, code: 'api-invalid', fault: 'user' },
    { http: 422, code: 'api-invalid', fault: 'user' },
    { http: 429, code: 'api-unavailable', fault: 'system' },
    { http: 500, code: 'api-unavailable', fault: 'system' },
    { http: 503, code: 'api-unavailable', fault: 'system' },
  ])('HTTP $http is $code, with the message of the server', async ({ http, code, fault }) => {
    answering(http, status('configmaps "cart" is not well'));
    expect(await failure(cluster.get(KEY))).toMatchObject({
      code,
      fault,
      status: http,
      message: 'configmaps "cart" is not well',
    });
  });

  test('404 is null for get, false for delete, an error for the rest', async () => {
    answering(404, status('configmaps "cart" not found'));
    expect(await cluster.get(KEY)).toBeNull();
    expect(await cluster.delete(KEY)).toBe(false);
    expect(await failure(cluster.patch(KEY, {}, { type: 'merge' }))).toMatchObject({ code: 'api-not-found' });
  });

  test('a path that the server does not know any more is looked for again', async () => {
    fake.handler = (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    };
    expect(await cluster.resource(CONFIG_MAP)).not.toBeNull();
    const asked = (): number => fake.requests.filter(({ url }) => url === '/apis').length;
    const before = asked();
    expect(await cluster.resource(CONFIG_MAP)).not.toBeNull();
    expect(asked()).toBe(before);
    expect(await failure(cluster.apply(OBJECT, { fieldManager: 'm' }))).toMatchObject({ code: 'api-not-found' });
    await cluster.resource(CONFIG_MAP);
    expect(asked()).toBeGreaterThan(before);
  });

  test('an object that does not fit its schema is the fault of the object, though the server says 500', async () => {
    answering(
      500,
      status(
        'failed to create typed patch object (shop/cart; /v1, Kind=ConfigMap): .dat: field not declared in schema',
      ),
    );
    expect(await failure(cluster.apply(OBJECT, { fieldManager: 'm' }))).toMatchObject({
      code: 'api-invalid',
      fault: 'user',
    });
  });

  test.each([
    { value: '7', least: 7_000, most: 7_000 },
    { value: new Date(Date.now() + 60_000).toUTCString(), least: 57_000, most: 60_000 },
  ])('Retry-After $value is told in milliseconds', async ({ value, least, most }) => {
    answering(429, status('slow down'), { 'retry-after': value });
    const { retryAfter } = await failure(cluster.get(KEY));
    expect(retryAfter).toBeGreaterThanOrEqual(least);
    expect(retryAfter).toBeLessThanOrEqual(most);
  });

  test('a refusal without a Status names what was asked, and the first line of what came', async () => {
    answering(502, 'bad gateway\nsecond line');
    expect((await failure(cluster.get(KEY))).message).toBe('get ConfigMap/shop/cart: HTTP 502: bad gateway');
    answering(500, '[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed');
    expect((await failure(cluster.raw('/readyz'))).message).toBe(
      'get /readyz: HTTP 500: [-]etcd failed: reason withheld',
    );
  });

  test.each([
    'Secret "cart" is invalid: data[.dockerconfigjson]: Invalid value: "hunter2": invalid character \'h\' looking for beginning of value',
    'failed to create typed patch object (shop/cart; /v1, Kind=Secret): .stringData.k: expected string, got &value.valueUnstructured{Value:hunter2}',
    'failed to create typed patch object (shop/cart; /v1, Kind=Secret): .stringData: expected map, got &{[hunter2 "a" hunter2]}',
    'admission webhook "policy" denied the request: data.k is `hunter2`',
    'Secret "cart" is invalid: data[k]: Invalid value: "a\\"hunter2": too short',
    'Secret "cart" is invalid: metadata.generation: Invalid value: 0xhunter2: must be small',
    'failed to create typed patch object (shop/cart; /v1, Kind=Secret): .metadata.ownerReferences[uid=0xhunter2].uid: field not declared in schema',
    'Secret "cart" is invalid: spec.selector: Invalid value: {"a b":hunter2,"c":[hunter2, hunter2]}: field is immutable',
    'Secret "cart" is invalid: [a: Too many: hunter2: must have at most 2 items, b: Duplicate value: {"c":hunter2}]',
    'Secret "cart" is invalid: spec: Forbidden: updates may not change fields\n  core.PodSpec{\n-   A: hunter2,\n+   B: &hunter2,\n  }\n',
    'admission webhook "policy" denied the request: the password \'hunter2\' is weak',
    'decode: error found in #10 byte of ...|{"a":hunter2}|..., bigger context ...|"b":hunter2|...',
    'json: cannot unmarshal number 0xhunter2 into Go struct field ObjectMeta.metadata.name of type string',
  ])('I8: the value of a Secret does not appear: %s', async (message) => {
    answering(422, status(message));
    const error = await failure(cluster.apply(SECRET, { fieldManager: 'm' }));
    expect(error.message).not.toContain('hunter2');
    expect(error.message).not.toContain("'h'");
  });

  test('names in messages about Secrets stay readable', async () => {
    answering(422, status('Secret "cart" is invalid: type: Invalid value: "x": field is immutable'));
    const { message } = await failure(cluster.apply(SECRET, { fieldManager: 'm' }));
    expect(message).toBe('Secret "cart" is invalid: type: Invalid value: "***": field is immutable');
    answering(
      422,
      status('Secret "cart" is invalid: [a: Duplicate value: 5, b[0].c: Invalid value: 7: field is immutable]'),
    );
    expect((await failure(cluster.apply(SECRET, { fieldManager: 'm' }))).message).toBe(
      'Secret "cart" is invalid: [a: Duplicate value: ***, b[0].c: Invalid value: ***: field is immutable]',
    );
    const refusal =
      'secrets "cart" is forbidden: User "bob" cannot patch resource "secrets" in API group "" in the namespace "shop"';
    answering(403, status(refusal));
    expect((await failure(cluster.apply(SECRET, { fieldManager: 'm' }))).message).toBe(refusal);
    answering(403, status('admission webhook "guard.example.com" denied the request: "hunter2" is too short'));
    expect((await failure(cluster.apply(SECRET, { fieldManager: 'm' }))).message).toBe(
      'admission webhook "guard.example.com" denied the request: "***" is too short',
    );
  });
});

describe('lists', () => {
  const page = (names: string[], next?: string): object => ({
    kind: 'ConfigMapList',
    metadata: { resourceVersion: '10', ...(next === undefined ? {} : { continue: next }) },
    items: names.map((name) => ({ metadata: { name, namespace: 'shop' } })),
  });
  const query = (request: IncomingMessage): URLSearchParams => new URL(request.url ?? '', 'https://x').searchParams;

  test('are read page by page; items are completed with their kind', async () => {
    fake.handler = (request, response) => {
      const next = query(request).get('continue');
      respond(response, 200, next === null ? page(['a', 'b'], 'more') : page(['c']));
    };
    const { items, resourceVersion } = await cluster.list(CONFIG_MAP, { labelSelector: 'app in (a,b)', limit: 2 });
    expect(resourceVersion).toBe('10');
    expect(items.map(keyOf).map((key) => `${key.kind}/${key.name}`)).toEqual([
      'ConfigMap/a',
      'ConfigMap/b',
      'ConfigMap/c',
    ]);
    expect(fake.seen()).toEqual([
      'GET /api/v1/configmaps?labelSelector=app%20in%20(a%2Cb)&limit=2',
      'GET /api/v1/configmaps?labelSelector=app%20in%20(a%2Cb)&limit=2&continue=more',
    ]);
  });

  test('start over when their pages expire, so that they show one state', async () => {
    let lists = 0;
    fake.handler = (request, response) => {
      if (query(request).has('continue') && lists === 1)
        return respond(response, 410, status('expired', { reason: 'Expired' }));
      if (query(request).has('continue')) return respond(response, 200, page(['new-2']));
      lists += 1;
      respond(response, 200, page([lists === 1 ? 'old' : 'new-1'], 'more'));
    };
    const { items } = await cluster.list(CONFIG_MAP);
    expect(items.map((item) => item.metadata.name)).toEqual(['new-1', 'new-2']);
  });

  test('of metadata alone ask for nothing else, and take null for none', async () => {
    fake.handler = (_request, response) => respond(response, 200, { metadata: { resourceVersion: '10' }, items: null });
    expect(await cluster.list(CONFIG_MAP, { metadataOnly: true })).toEqual({ resourceVersion: '10', items: [] });
    expect(fake.requests.at(-1)?.headers.accept).toBe(
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    );
    await cluster.list(CONFIG_MAP);
    expect(fake.requests.at(-1)?.headers.accept).toBe('application/json');
  });

  test.each([{ items: [] }, { metadata: { resourceVersion: '10' } }])('%j is no list', async (body) => {
    answering(200, body);
    expect((await failure(cluster.list(CONFIG_MAP))).message).toBe(
      "list configmaps: the API server's answer is not a list",
    );
  });

  test('ask for smaller pages where one is too large to hold', async () => {
    const small = fake.cluster({ limits: { timeout: 5_000, body: 2_000 } });
    fake.handler = (request, response) => {
      const { limit, start } = {
        limit: Number(query(request).get('limit')),
        start: Number(query(request).get('continue') ?? 0),
      };
      const names = Array.from({ length: Math.min(limit, 100 - start) }, (_, index) => `n${start + index}`);
      respond(response, 200, page(names, start + limit < 100 ? String(start + limit) : undefined));
    };
    expect((await small.list(CONFIG_MAP, { limit: 100 })).items).toHaveLength(100);
    await small.close();
  });
});

describe('discovery', () => {
  test('asks again once for an unknown kind, then says what is missing', async () => {
    answering(200, OBJECT);
    await cluster.get(KEY);
    const before = fake.requests.length;
    const error = await failure(
      cluster.apply({ ...OBJECT, apiVersion: 'x.io/v1', kind: 'Thing' }, { fieldManager: 'm' }),
    );
    expect(error).toMatchObject({
      code: 'api-not-found',
      message: expect.stringContaining('no matches for kind "Thing" in version "x.io/v1"'),
    });
    expect(fake.requests.length - before).toBe(2);
  });

  test('that hangs keeps no caller that aborts', async () => {
    fake.discovery = () => {};
    const stopped = new AbortController();
    const get = rejection(cluster.get(KEY, { signal: stopped.signal }));
    stopped.abort();
    expect(await get).toMatchObject({ code: 'cancelled' });
    expect(await rejection(cluster.discover({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'cancelled' });
  });

  test('a loop over an unknown kind does not hammer the server', async () => {
    const stop = performance.now() + 300;
    const asked: Promise<unknown>[] = [];
    while (performance.now() < stop) {
      asked.push(cluster.resource({ group: 'x', version: 'v1', kind: 'Thing' }));
      await Promise.race([asked.at(-1), new Promise((resolve) => setTimeout(resolve, 10))]);
    }
    expect(fake.requests.length).toBeLessThanOrEqual(2 * 6);
    expect(await Promise.all(asked)).toContain(null);
  });

  test('reads the classic form of older servers, and goes on without an API that is down', async () => {
    const classic: Record<string, unknown> = {
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          { name: 'apps', versions: [{ groupVersion: 'apps/v1' }], preferredVersion: { groupVersion: 'apps/v1' } },
          {
            name: 'down.io',
            versions: [{ groupVersion: 'down.io/v1' }],
            preferredVersion: { groupVersion: 'down.io/v1' },
          },
        ],
      },
      '/api/v1': {
        kind: 'APIResourceList',
        groupVersion: 'v1',
        resources: [
          { name: 'namespaces', kind: 'Namespace', namespaced: false, verbs: ['get'] },
          { name: 'namespaces/status', kind: 'Namespace', namespaced: false, verbs: ['get'] },
        ],
      },
      '/apis/apps/v1': {
        kind: 'APIResourceList',
        groupVersion: 'apps/v1',
        resources: [{ name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['get'] }],
      },
    };
    fake.discovery = (request: IncomingMessage, response: ServerResponse) =>
      respond(response, 200, classic[request.url ?? '']);
    fake.handler = (request, response) => {
      const known = classic[request.url ?? ''];
      respond(response, known === undefined ? 503 : 200, known ?? status('down'));
    };
    expect(await cluster.discover()).toEqual([
      { group: '', version: 'v1', kind: 'Namespace', resource: 'namespaces', namespaced: false, verbs: ['get'] },
      { group: 'apps', version: 'v1', kind: 'Deployment', resource: 'deployments', namespaced: true, verbs: ['get'] },
    ]);
    // Whether it serves a kind of the API that is down is not known; that there is no such kind of another is.
    const resource = (group: string): Promise<unknown> => cluster.resource({ group, version: 'v1', kind: 'Thing' });
    await expect(resource('down.io')).rejects.toMatchObject({ code: 'api-unavailable' });
    expect(await resource('apps')).toBeNull();
    expect(await resource('other.io')).toBeNull();
  });
});
