import { gzipSync, gunzipSync } from 'node:zlib';
import { displayKey } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { clusterWith, MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { chartOf } from './record.ts';
import type { ReleaseRecord } from './record.ts';
import { MAX_SECRET, MAX_UNPACKED } from './record-codec.ts';
import { madeWithIn, ReleaseStore } from './storage.ts';

const NAMESPACE = 'shop';
const PLAIN = { postRenderersDigest: '', commonMetadataDigest: '' };
const KEY = { group: '', version: 'v1', kind: 'Secret', namespace: NAMESPACE };

let cluster: MemoryCluster;
let store: ReleaseStore;
let now: number;

beforeEach(async () => {
  cluster = new MemoryCluster();
  now = Date.parse('2026-11-27T10:00:00Z');
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  store = new ReleaseStore({ cluster, namespace: NAMESPACE, clock: { time: () => now } });
  cluster.clearRequests();
});

function record(version = 1, parts: Partial<ReleaseRecord> = {}): ReleaseRecord {
  return {
    name: 'cart',
    info: {
      first_deployed: '2026-11-27T09:58:01.123456789Z',
      last_deployed: '2026-11-27T10:00:00.5Z',
      description: 'Install complete',
      status: 'deployed',
      notes: 'Visit http://cart.example',
    },
    chart: {
      metadata: { apiVersion: 'v2', name: 'cart', version: '1.2.3', appVersion: '4.5' },
      lock: null,
      templates: [{ name: 'templates/cm.yaml', data: Buffer.from('kind: ConfigMap').toString('base64') }],
      values: { replicas: 1 },
      schema: null,
      files: null,
    },
    config: { replicas: 3, price: 1.5, big: 9_007_199_254_740_993n },
    manifest: '---\n# Source: cart/templates/cm.yaml\nkind: ConfigMap\n',
    hooks: [
      {
        name: 'migrate',
        kind: 'Job',
        events: ['pre-upgrade'],
        weight: -5,
        last_run: { phase: 'Succeeded' },
        path: 'p',
      },
    ],
    version,
    namespace: 'apps',
    apply_method: 'ssa',
    ...parts,
  };
}

async function secretOf(version: number, name = 'cart'): Promise<KubeObject> {
  const found = await cluster.get({ ...KEY, name: `sh.helm.release.v1.${name}.v${version}` });
  if (found === null) throw new Error(`no record ${version}`);
  return found;
}

function content(secret: KubeObject): string {
  const value = (secret['data'] as Record<string, string>)['release'] ?? '';
  return gunzipSync(Buffer.from(Buffer.from(value, 'base64').toString(), 'base64')).toString();
}

/** A Secret as `helm` would find it, with this as its packed content. */
async function put(release: string | undefined, version = 1, labels: Record<string, string> = {}): Promise<void> {
  await cluster.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `sh.helm.release.v1.cart.v${version}`,
      namespace: NAMESPACE,
      labels: { name: 'cart', owner: 'helm', status: 'deployed', version: String(version), ...labels },
    },
    type: 'helm.sh/release.v1',
    data: release === undefined ? {} : { release },
  });
}

const twice = (bytes: Buffer | string): string => Buffer.from(Buffer.from(bytes).toString('base64')).toString('base64');
const zipped = (value: unknown): string => twice(gzipSync(JSON.stringify(value)));

describe('a new record', () => {
  test('is a Secret as Helm makes it', async () => {
    await store.create(record(3, { labels: { team: 'shop', status: 'mine' } }), PLAIN);
    const secret = await secretOf(3);
    expect(secret).toMatchObject({
      type: 'helm.sh/release.v1',
      metadata: {
        labels: {
          team: 'shop',
          name: 'cart',
          owner: 'helm',
          status: 'deployed',
          version: '3',
          createdAt: '1795773600',
        },
      },
    });
    expect(Object.keys(JSON.parse(content(secret)) as object)).toEqual([
      'name',
      'info',
      'chart',
      'config',
      'manifest',
      'hooks',
      'version',
      'namespace',
      'apply_method',
    ]);
    expect(content(secret)).toContain('"big":9007199254740993');
  });

  test('is read back as it was written, numbers to the last digit', async () => {
    const written = record(1, { labels: { team: 'shop' } });
    await store.create(written, PLAIN);
    const { record: read } = (await store.get('cart', 1)) ?? {};
    expect(read).toEqual(written);
    expect(chartOf(read ?? written)).toEqual({ name: 'cart', version: '1.2.3', appVersion: '4.5' });
  });

  test('of a number that is there already is a conflict', async () => {
    await store.create(record(1), PLAIN);
    await expect(store.create(record(1), PLAIN)).rejects.toMatchObject({ code: 'api-conflict' });
  });

  test('that is too large for a Secret is told with its size', async () => {
    const noise = Array.from({ length: 200_000 }, (_, index) => Math.sin(index).toString(36)).join('');
    await expect(store.create(record(1, { manifest: noise }), PLAIN)).rejects.toThrow(
      /^Secret\/shop\/sh\.helm\.release\.v1\.cart\.v1 cannot hold the release: it takes \d{7} bytes, and a Secret holds 1048576; /,
    );
    expect(cluster.requests).toEqual([]);
  });
});

describe('an update', () => {
  test('keeps what others put on the Secret, and says when it was made', async () => {
    const first = await store.create(record(1, { labels: { team: 'shop' } }), PLAIN);
    await cluster.patch(
      { ...KEY, name: first.metadata.name },
      { metadata: { annotations: { backup: 'yes' } } },
      { type: 'merge' },
    );
    now += 60_000;
    const read = (await store.get('cart', 1)) ?? first;
    const later = record(1, { labels: { team: 'shop' }, info: { ...record().info, status: 'superseded' } });
    const after = await store.update(read, later);
    expect(await secretOf(1)).toMatchObject({
      metadata: {
        annotations: { backup: 'yes' },
        labels: { team: 'shop', status: 'superseded', createdAt: '1795773600', modifiedAt: '1795773660' },
      },
    });
    await store.update(after, record(1));
    expect((await store.get('cart', 1))?.record.info.status).toBe('deployed');
  });

  test('of a record that somebody else changed since is a conflict, and changes nothing', async () => {
    const first = await store.create(record(1), PLAIN);
    await store.update(first, record(1, { info: { status: 'failed' } }));
    await expect(store.update(first, record(1))).rejects.toMatchObject({ code: 'api-conflict' });
    expect((await store.last('cart'))?.record.info.status).toBe('failed');
  });

  test('of a record that is gone does not bring it back', async () => {
    const first = await store.create(record(1), PLAIN);
    await store.delete('cart', 1);
    await expect(store.update(first, record(1))).rejects.toMatchObject({ code: 'api-not-found' });
  });
});

describe('what a release was made with', () => {
  const made = { postRenderersDigest: 'sha256:a', commonMetadataDigest: '' };

  test('is noted beside its record, and stays through updates', async () => {
    const first = await store.create(record(1), made);
    await store.update(first, record(1, { info: { status: 'superseded' } }));
    const read = await store.get('cart', 1);
    expect(read === null ? null : madeWithIn(read)).toEqual(made);
  });

  test.each<[what: string, value: string | undefined]>([
    ['nobody noted', undefined],
    ['is no JSON', '{'],
    ['says something else', '{"postRenderersDigest":1}'],
    ['says nothing', 'null'],
  ])('is not known where the note %s', (_what, value) => {
    const annotations = value === undefined ? {} : { 'plumb.dev/made-with': value };
    expect(madeWithIn({ metadata: { name: 'x', annotations } })).toBeNull();
  });
});

describe('records', () => {
  const statuses = async (): Promise<string[]> =>
    (await store.list('cart')).map(({ version, status }) => `v${version} ${status}`);

  beforeEach(async () => {
    for (const [version, status] of [
      [2, 'deployed'],
      [9, 'superseded'],
      [10, 'deployed'],
      [11, 'failed'],
    ] as const) {
      await store.create(record(version, { info: { ...record().info, status } }), PLAIN);
    }
    await store.create(record(1, { name: 'cart-db' }), PLAIN);
    cluster.clearRequests();
  });

  test('are listed newest first, without being read', async () => {
    expect(await statuses()).toEqual(['v11 failed', 'v10 deployed', 'v9 superseded', 'v2 deployed']);
    expect(cluster.requests.map(({ verb }) => verb)).toEqual(['list']);
  });

  test('are known by number: the newest, and the newest deployed one', async () => {
    expect((await store.last('cart'))?.record.version).toBe(11);
    expect((await store.deployed('cart'))?.record.version).toBe(10);
    expect(await store.last('other')).toBeNull();
    expect(await store.deployed('cart-none')).toBeNull();
    expect(await store.get('cart', 3)).toBeNull();
  });

  test('that go between the list and the read are passed over', async () => {
    const slow = clusterWith(cluster, {
      list: async (kind, options) => {
        const answer = await cluster.list(kind, options);
        await store.delete('cart', 11);
        return answer;
      },
    });
    const late = new ReleaseStore({ cluster: slow, namespace: NAMESPACE, clock: { time: () => now } });
    expect((await late.last('cart'))?.record.version).toBe(10);
  });

  test('with the labels of a release and a name of their own are none', async () => {
    for (const name of ['sh.helm.release.v1.cart.vx', 'sh.helm.release.v1.cart.v0', 'cart.v12']) {
      const labels = { name: 'cart', owner: 'helm', version: '12' };
      await cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE, labels } });
    }
    expect((await store.list('cart')).map(({ version }) => version)).toEqual([11, 10, 9, 2]);
  });

  test.each<[maxHistory: number, left: string[]]>([
    [0, ['v11 failed', 'v10 deployed', 'v9 superseded', 'v2 deployed']],
    [4, ['v11 failed', 'v10 deployed', 'v9 superseded', 'v2 deployed']],
    [3, ['v11 failed', 'v10 deployed', 'v9 superseded']],
    [2, ['v11 failed', 'v10 deployed']],
    [1, ['v11 failed', 'v10 deployed']],
  ])(
    'with maxHistory %i are pruned from the oldest on, but for the newest and the one that is deployed',
    async (maxHistory, left) => {
      const gone = await store.prune('cart', maxHistory);
      expect(await statuses()).toEqual(left);
      expect(gone).toBe(4 - left.length);
      expect((await store.list('cart-db')).length).toBe(1);
    },
  );

  test('are all tried when one cannot be deleted', async () => {
    const stubborn = clusterWith(cluster, {
      delete: (key, options) =>
        key.name.endsWith('.v2') ? Promise.reject(new Error('no')) : cluster.delete(key, options),
    });
    const other = new ReleaseStore({ cluster: stubborn, namespace: NAMESPACE, clock: { time: () => now } });
    await expect(other.prune('cart', 2)).rejects.toThrow('no');
    expect(await statuses()).toEqual(['v11 failed', 'v10 deployed', 'v2 deployed']);
  });

  test('are deleted oldest first, when all are', async () => {
    const deleted: string[] = [];
    const watched = clusterWith(cluster, {
      delete: (key, options) => {
        deleted.push(key.name);
        return cluster.delete(key, options);
      },
    });
    await new ReleaseStore({ cluster: watched, namespace: NAMESPACE, clock: { time: () => now } }).purge('cart');
    expect(await statuses()).toEqual([]);
    expect(deleted).toEqual([2, 9, 10, 11].map((version) => `sh.helm.release.v1.cart.v${version}`));
    expect((await store.list('cart-db')).length).toBe(1);
  });

  test('are deleted once', async () => {
    expect(await store.delete('cart', 11)).toBe(true);
    expect(await store.delete('cart', 11)).toBe(false);
  });
});

describe('a record of others', () => {
  const bare = { name: 'cart', version: 1, info: { status: 'deployed', deleted: '' } };

  test.each<[what: string, release: string]>([
    ['that was never zipped', twice(JSON.stringify(bare))],
    ['with nulls, as Go writes them', zipped({ ...bare, config: null, hooks: null, chart: null, namespace: null })],
    ['with fields of a later Helm', zipped({ ...bare, sequencing: { phases: [1, 2] } })],
  ])('%s is read', async (_what, release) => {
    await put(release, 1, { modifiedAt: '1', team: 'shop' });
    const found = await store.get('cart', 1);
    expect(found?.record).toMatchObject({ ...bare, namespace: NAMESPACE, labels: { team: 'shop' } });
  });

  test('keeps fields nobody here knows through an update', async () => {
    await put(zipped({ ...bare, sequencing: { phases: [1, 2] } }));
    const found = await store.last('cart');
    if (found === null) throw new Error('not found');
    await store.update(found, { ...found.record, info: { ...found.record.info, status: 'superseded' } });
    const after = JSON.parse(content(await secretOf(1))) as Record<string, unknown>;
    expect(after).toMatchObject({ sequencing: { phases: [1, 2] }, info: { status: 'superseded' } });
    expect(after).not.toHaveProperty('labels');
  });

  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const inside = `{"name":"cart","version":1,"info":{"status":"deployed"},"config":{"a":${deep}}}`;

  test.each<[what: string, release: string | undefined, flaw: string]>([
    ['without data', undefined, "it has no key 'release'"],
    ['that is not base64', Buffer.from('%%%').toString('base64'), "'release' is not base64"],
    ['that is not JSON', twice('s3cret'), "'release' is not JSON"],
    ['with a torn archive', twice(gzipSync('s3cret').subarray(0, 12)), "'release' cannot be unzipped"],
    ['that is a list', zipped([]), 'it is no map of fields'],
    ['without a name', zipped({ ...bare, name: '' }), "'name' is missing"],
    ['without a number', zipped({ ...bare, version: 'x' }), "'version' is no positive number"],
    ['without info', zipped({ ...bare, info: null }), "'info' is no map"],
    ['with a status of another type', zipped({ ...bare, info: { status: 1 } }), "'info.status' is no text"],
    ['with a manifest of another type', zipped({ ...bare, manifest: {} }), "'manifest' is no text"],
    ['with values of another type', zipped({ ...bare, config: 'x' }), "'config' is no map"],
    ['with a chart of another type', zipped({ ...bare, chart: [] }), "'chart' is no map"],
    ['with chart metadata of another type', zipped({ ...bare, chart: { metadata: 1 } }), "'chart.metadata' is no map"],
    ['with hooks of another type', zipped({ ...bare, hooks: ['x'] }), "'hooks' is no list of maps"],
    ['of another release', zipped({ ...bare, name: 'other' }), 'it is of another release, or of another number'],
    ['of another number', zipped({ ...bare, version: 2 }), 'it is of another release, or of another number'],
    ['that is nested without end', twice(gzipSync(inside)), 'it is nested deeper than 200 levels'],
    [
      'that unpacks to more than fits',
      twice(gzipSync(Buffer.alloc(MAX_UNPACKED + 1))),
      `it unpacks to more than ${MAX_UNPACKED} bytes`,
    ],
    ['that is larger than a Secret', 'A'.repeat(2 * MAX_SECRET), `it holds more than ${MAX_SECRET} bytes`],
  ])('%s is told by its Secret and what is wrong, never by its content', async (_what, release, flaw) => {
    await put(release);
    const error: unknown = await store.last('cart').catch((thrown: unknown) => thrown);
    const name = displayKey({ ...KEY, name: 'sh.helm.release.v1.cart.v1' });
    expect(error).toMatchObject({ code: 'storage-failed', fault: 'user', policy: 'retry' });
    // A cause would quote what was read.
    expect(error).not.toHaveProperty('cause');
    expect((error as Error).message).toContain(`${name} holds no release that can be read: ${flaw}`);
    expect((error as Error).message).not.toContain('s3cret');
  });
});
