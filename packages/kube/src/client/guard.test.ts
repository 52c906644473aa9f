import { PlumbError, type KubeObject } from '@plumb/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Cluster } from '../cluster.ts';
import { FakeApi, respond } from '../fake-api.ts';

const KEY = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'cart' };
const OBJECT: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cart', namespace: 'shop' } };
const refused = new PlumbError('cancelled', 'not now', { fault: 'system', policy: 'retry' });

let fake: FakeApi;
let cluster: Cluster;
beforeEach(async () => {
  fake = await FakeApi.start();
  cluster = fake.cluster({ user: { token: 'abc' } });
  fake.handler = (_request, response) => respond(response, 200, OBJECT);
});
afterEach(async () => {
  await cluster.close();
  await fake.close();
});

const sent = (): string[] =>
  fake.requests.map(({ method, url }) => `${method} ${url}`).filter((line) => line.includes('/configmaps'));

describe('a guard', () => {
  const path = '/api/v1/namespaces/shop/configmaps';
  test.each<{ what: string; call: (guarded: Cluster) => Promise<unknown>; line: string }>([
    {
      what: 'apply',
      call: (guarded) => guarded.apply(OBJECT, { fieldManager: 'test' }),
      line: `PATCH ${path}/cart?fieldManager=test&timeout=4000ms`,
    },
    { what: 'create', call: (guarded) => guarded.create(OBJECT), line: `POST ${path}?timeout=4000ms` },
    { what: 'update', call: (guarded) => guarded.update(OBJECT), line: `PUT ${path}/cart?timeout=4000ms` },
    {
      what: 'patch',
      call: (guarded) => guarded.patch(KEY, {}, { type: 'merge' }),
      line: `PATCH ${path}/cart?timeout=4000ms`,
    },
    { what: 'delete', call: (guarded) => guarded.delete(KEY), line: `DELETE ${path}/cart?timeout=4000ms` },
  ])('has the API server end $what in time', async ({ call, line }) => {
    await call(cluster.withGuard(() => 4_000.7));
    expect(sent()).toEqual([line]);
  });

  test('refuses changes and lets reads pass, for whoever the caller acts as', async () => {
    const guarded = cluster
      .withGuard(() => {
        throw refused;
      })
      .as('system:serviceaccount:shop:deployer')
      .withPriority('background');
    await expect(guarded.apply(OBJECT, { fieldManager: 'test' })).rejects.toBe(refused);
    await expect(guarded.delete(KEY)).rejects.toBe(refused);
    expect(await guarded.get(KEY)).toEqual(OBJECT);
    expect(sent()).toEqual([`GET ${path}/cart`]);
  });

  test('is asked when a request is sent, not when it begins to wait', async () => {
    const narrow = fake.cluster({ user: { token: 'abc' }, maxInFlight: 1 });
    let isOpen = true;
    const answer = Promise.withResolvers<void>();
    fake.handler = (_request, response) => void answer.promise.then(() => respond(response, 200, OBJECT));
    const guarded = narrow.withGuard(() => {
      if (!isOpen) throw refused;
      return 4_000;
    });
    const first = guarded.apply(OBJECT, { fieldManager: 'test' });
    const second = guarded.apply(OBJECT, { fieldManager: 'test' });
    const both = Promise.allSettled([first, second]);
    while (sent().length === 0) await new Promise((resolve) => setImmediate(resolve));
    isOpen = false;
    answer.resolve();
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(sent()).toHaveLength(1);
    await narrow.close();
  });
});
