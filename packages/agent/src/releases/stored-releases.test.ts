import type { KubeObject, ObjectMeta } from '@plumb/api';
import { HELM_APPLY_MANAGER } from '@plumb/api';
import type { ListResult, WatchEvent } from '@plumb/kube';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoredReleases } from './stored-releases.ts';

const KEY = { group: '', version: 'v1', kind: 'Secret' };

let cluster: MemoryCluster;
let stop: AbortController;
let changed: string[];
let storage: StoredReleases;

beforeEach(async () => {
  cluster = new MemoryCluster();
  stop = new AbortController();
  changed = [];
  for (const name of ['shop', 'till']) {
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
});
afterEach(async () => {
  stop.abort();
  await storage.done();
});

function watching(options: Partial<ConstructorParameters<typeof StoredReleases>[0]> = {}): StoredReleases {
  const onChange = (namespace: string, name: string) => void changed.push(`${namespace}/${name}`);
  storage = new StoredReleases({ cluster, onChange, signal: stop.signal, ...options });
  return storage;
}

/** The Secret of a record. */
function secret(
  version: number,
  {
    name = 'cart',
    namespace = 'shop',
    status = 'deployed',
    labels = {},
  }: {
    name?: string;
    namespace?: string;
    status?: string;
    labels?: object;
  } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `sh.helm.release.v1.${name}.v${version}`,
      namespace,
      labels: { name, owner: 'helm', status, version: String(version), ...labels },
    },
    type: 'helm.sh/release.v1',
    data: { release: 'SA==' },
  };
}

/** Metadata as a watch brings it. */
const seen = (version: number, resourceVersion: string, status = 'deployed'): ObjectMeta => ({
  ...secret(version, { status }).metadata,
  uid: `u${version}`,
  resourceVersion,
});

const told = (namespace = 'shop', name = 'cart') =>
  storage.entries(namespace, name)?.map(({ version, status }) => `${version} ${status}`);

describe('records in storage', () => {
  test('are not known before somebody needs them', () => {
    watching();
    expect(told()).toBeUndefined();
    expect(cluster.requests.filter(({ verb }) => verb === 'list')).toEqual([]);
  });

  test('are listed once, newest first, by their metadata', async () => {
    for (const version of [2, 10, 1]) await cluster.create(secret(version));
    await cluster.create(secret(1, { name: 'other', status: 'failed' }));
    await cluster.create(secret(1, { namespace: 'till' }));
    await cluster.create(secret(3, { labels: { owner: 'somebody' } }));
    await cluster.create({ ...secret(4), metadata: { ...secret(4).metadata, name: 'no-record' } });
    const lists = vi.fn<MemoryCluster['list']>(cluster.list.bind(cluster));
    watching({ cluster: clusterWith(cluster, { list: lists }) });
    await Promise.all([storage.ready(), storage.ready()]);
    await storage.ready();
    expect(lists).toHaveBeenCalledOnce();
    expect(lists.mock.calls[0]?.[1]).toMatchObject({ labelSelector: 'owner=helm', metadataOnly: true });
    expect(told()).toEqual(['10 deployed', '2 deployed', '1 deployed']);
    expect(told('shop', 'other')).toEqual(['1 failed']);
    expect(told('till')).toEqual(['1 deployed']);
    expect(told('shop', 'none')).toEqual([]);
  });

  test('are not known of other namespaces than the one that is looked at', async () => {
    await cluster.create(secret(1, { namespace: 'till' }));
    await watching({ namespace: 'shop' }).ready();
    storage.note(secret(2, { namespace: 'till' }).metadata);
    expect(told('shop')).toEqual([]);
    expect(told('till')).toBeUndefined();
    expect(changed).toEqual([]);
  });

  test('are told of when they come, change and go', async () => {
    await watching().ready();
    const made = await cluster.create(secret(1));
    await expect.poll(() => told()).toEqual(['1 deployed']);
    await cluster.update({ ...secret(1, { status: 'superseded' }), metadata: superseded(made.metadata) });
    await expect.poll(() => told()).toEqual(['1 superseded']);
    await cluster.delete({ ...KEY, namespace: 'shop', name: made.metadata.name });
    await expect.poll(() => told()).toEqual([]);
    expect(changed).toEqual(['shop/cart', 'shop/cart', 'shop/cart']);
  });

  test('do not hold up who waits when they cannot be listed', async () => {
    const list: MemoryCluster['list'] = (_kind, options) =>
      new Promise((_resolve, reject) => options?.signal?.addEventListener('abort', () => reject(new Error('closed'))));
    await watching({ cluster: clusterWith(cluster, { list }) }).ready();
    expect(told()).toBeUndefined();
  });
});

function superseded(metadata: ObjectMeta): ObjectMeta {
  return { ...metadata, labels: { ...metadata.labels, status: 'superseded' } };
}

describe('the answer to a write of ours', () => {
  test('is known at once, and tells more than an older event', async () => {
    const server = new Script({ resourceVersion: '5', items: [] });
    await watching({ cluster: server.cluster }).ready();
    storage.note(seen(1, '8', 'deployed'));
    expect(told()).toEqual(['1 deployed']);
    server.send({ type: 'added', object: partial(seen(1, '7', 'pending-install')) });
    server.send({ type: 'added', object: partial(seen(1, '8', 'deployed')) });
    server.send({ type: 'modified', object: partial(seen(1, '9', 'superseded')) });
    await expect.poll(() => told()).toEqual(['1 superseded']);
    expect(changed).toHaveLength(2);
  });

  test('that the watch had overtaken is not held for good', async () => {
    const server = new Script({ resourceVersion: '5', items: [] });
    await watching({ cluster: server.cluster, checkInterval: 50 }).ready();
    server.send({ type: 'added', object: partial(seen(1, '6')) });
    server.send({ type: 'deleted', object: partial(seen(1, '9')) });
    await expect.poll(() => changed).toHaveLength(2);
    storage.note(seen(1, '8', 'uninstalling'));
    expect(told()).toEqual(['1 uninstalling']);
    server.answer = { resourceVersion: '20', items: [] };
    await expect.poll(() => told(), { timeout: 5_000 }).toEqual([]);
  });
});

describe('a new list', () => {
  test('tells what is gone, though it says no more than its name', async () => {
    const server = new Script({ resourceVersion: '5', items: [partial(seen(1, '2')), partial(seen(2, '3'))] });
    await watching({ cluster: server.cluster }).ready();
    changed = [];
    server.answer = { resourceVersion: '9', items: [partial(seen(2, '3'))] };
    server.send({ type: 'expired' });
    await expect.poll(() => told()).toEqual(['2 deployed']);
    expect(changed).toEqual(['shop/cart']);
  });

  test('of a server that went back to an earlier state counts', async () => {
    const server = new Script({
      resourceVersion: '90',
      items: [partial(seen(1, '80', 'superseded')), partial(seen(2, '81'))],
    });
    await watching({ cluster: server.cluster }).ready();
    server.answer = { resourceVersion: '50', items: [partial(seen(1, '40', 'deployed'))] };
    server.send({ type: 'expired' });
    await expect.poll(() => told(), { timeout: 5_000 }).toEqual(['1 deployed']);
  });
});

describe('a record', () => {
  const entry = (more: Partial<ObjectMeta>, labels: object = {}) => {
    const { metadata } = secret(1, { labels });
    watching({ cluster: new Script({ resourceVersion: '5', items: [partial({ ...metadata, ...more })] }).cluster });
    return storage.ready().then(() => storage.entries('shop', 'cart')?.[0]);
  };
  const fields = (manager: string, label: string) => ({
    managedFields: [
      { manager, operation: 'Update', apiVersion: 'v1', fieldsV1: { 'f:metadata': { 'f:labels': { [label]: {} } } } },
    ],
  });

  test.each([
    {
      what: 'that Flux or this agent gave its status is ours',
      more: fields(HELM_APPLY_MANAGER, 'f:status'),
      isOurs: true,
    },
    { what: 'that helm gave its status is not', more: fields('helm', 'f:status'), isOurs: false },
    { what: 'of which ours is only another label is not', more: fields(HELM_APPLY_MANAGER, 'f:team'), isOurs: false },
    { what: 'that nobody says anything about is not', more: {}, isOurs: false },
  ])('$what', async ({ more, isOurs }) => {
    expect(await entry({ resourceVersion: '1', ...more } as Partial<ObjectMeta>)).toMatchObject({ isOurs });
  });

  test.each([
    [{ createdAt: '100' }, 100_000],
    [{ createdAt: '100', modifiedAt: '200' }, 200_000],
    [{ createdAt: 'then' }, 0],
    [{}, 0],
  ])('with %j was written %d ms after the beginning of 1970', async (labels, writtenAt) => {
    expect(await entry({ resourceVersion: '1' }, labels)).toMatchObject({ writtenAt });
  });
});

const partial = (metadata: ObjectMeta): KubeObject => ({
  apiVersion: 'meta.k8s.io/v1',
  kind: 'PartialObjectMetadata',
  metadata,
});

/** A server whose list is given, and whose events the test sends. */
class Script {
  answer: ListResult;
  readonly #queue: WatchEvent[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(answer: ListResult) {
    this.answer = answer;
  }

  send(event: WatchEvent): void {
    this.#queue.push(event);
    this.#wake.resolve();
  }

  get cluster(): MemoryCluster {
    const events = (signal: AbortSignal) => this.#events(signal);
    const own = {
      list: () => Promise.resolve(this.answer),
      watch: (_kind: unknown, { signal }: { signal: AbortSignal }) => events(signal),
      withPriority: () => own,
    };
    return own as unknown as MemoryCluster;
  }

  async *#events(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    while (!signal.aborted) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) yield next;
      this.#wake = Promise.withResolvers<void>();
      await Promise.race([this.#wake.promise, over]);
    }
  }
}
