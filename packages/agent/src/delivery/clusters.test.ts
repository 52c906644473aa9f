import { OWNERSHIPS } from '@plumb/core';
import type { KubeObject } from '@plumb/api';
import { keyId, keyOf, OWNER_NAME_LABEL, PlumbError } from '@plumb/api';
import type { Remote } from '@plumb/kube';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Clusters } from './clusters.ts';
import { awayOf, whileThere } from './destination.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

let clock: FakeClock;
let home: MemoryCluster;
let clusters: Clusters;
/** Connections that were made and not closed, by host. */
let open: Map<string, { cluster: MemoryCluster; refuse: () => void }>;
let made: number;
let news: string[];
let notices: string[];
let changes: string[];

const remote = (host: string, id = host): Remote => ({ id, host, place: host, access: null as never });

beforeEach(() => {
  clock = new FakeClock();
  home = new MemoryCluster({ clock });
  open = new Map();
  made = 0;
  [news, notices, changes] = [[], [], []];
  clusters = new Clusters({
    cluster: home,
    clock,
    ownership: OWNERSHIPS.Kustomization,
    connect: ({ id }, onRefused) => {
      made += 1;
      const cluster = new MemoryCluster({ clock });
      open.set(id, { cluster, refuse: onRefused });
      cluster.close = async () => {
        await Promise.resolve();
        open.delete(id);
      };
      return cluster;
    },
    onLive: ({ id }, destination) => changes.push(`${destination.host} ${id}`),
    onNews: (destination, what) => news.push(`${destination.host} ${what}`),
    onNotice: (text) => notices.push(text),
  });
});
afterEach(() => clusters.close());

const clusterAt = (id: string): MemoryCluster => {
  const found = open.get(id);
  if (found === undefined) throw new Error(`${id} is not connected to`);
  return found.cluster;
};

describe('a connection', () => {
  test('is one for all units whose kubeconfigs say the same, and closed when the last has left it', async () => {
    const [one, two] = ['one', 'two'].map((unit) => clusters.use(unit, remote('far')));
    expect(one).toBe(two);
    expect(clusters.use('one', remote('far'))).toBe(one);
    expect(made).toBe(1);
    clusters.release('one');
    clusters.release('one');
    await clock.advance(0);
    expect([...open.keys()]).toEqual(['far']);
    clusters.release('two');
    await clock.advance(0);
    expect(open.size).toBe(0);
    expect(clusters.use('one', remote('far'))).not.toBe(one);
  });

  test('is left for another when the kubeconfig says something else, or nothing any more', async () => {
    const before = clusters.use('unit', remote('far', 'far as old'));
    const after = clusters.use('unit', remote('far', 'far as new'));
    expect(after.cluster).not.toBe(before.cluster);
    await clock.advance(0);
    expect([...open.keys()]).toEqual(['far as new']);
    expect(clusters.use('unit', null)).toBe(clusters.own);
    expect(clusters.own.cluster).toBe(home);
    await clock.advance(0);
    expect([open.size, [...clusters.remotes].length]).toEqual([0, 0]);
  });

  test('brings what changes there, and only there', async () => {
    const { live } = clusters.use('unit', remote('far'));
    const object: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: 'default', labels: { [OWNER_NAME_LABEL]: 'unit' } },
    };
    await clusterAt('far').create(object);
    await live.watchKinds([CONFIG_MAP]);
    expect(changes).toEqual([`far ${keyId(keyOf(object))}`]);
    expect(clusters.own.live.size).toBe(0);
    expect(clusters.observed).toBe(1);
  });
});

describe('an object a health check names', () => {
  const key = { ...CONFIG_MAP, namespace: 'default', name: 'a' };

  test('is watched while its unit delivers here', async () => {
    const { live } = clusters.use('unit', null);
    await live.watchObject(key, 'unit');
    clusters.use('unit', null);
    expect(live.isNamed(keyId(key))).toBe(true);
    clusters.use('unit', remote('far'));
    expect(live.isNamed(keyId(key))).toBe(false);
  });

  test('is watched until its unit is gone, though others use the cluster', async () => {
    const { live } = clusters.use('unit', remote('far'));
    clusters.use('other', remote('far'));
    await live.watchObject(key, 'unit');
    clusters.release('unit');
    expect(live.isNamed(keyId(key))).toBe(false);
    await clusters.own.live.watchObject(key, 'third');
    clusters.release('third');
    expect(clusters.own.live.isNamed(keyId(key))).toBe(false);
  });
});

describe('a cluster that goes away', () => {
  test('is told when it has been away for a while, and when it is back', async () => {
    const destination = clusters.use('unit', remote('far'));
    clusterAt('far').become('connection refused');
    expect(awayOf(destination)).toMatchObject({ error: 'connection refused' });
    await clock.advance(4_999);
    expect(news).toEqual([]);
    await clock.advance(1);
    expect(news).toEqual(['far away']);
    clusterAt('far').become(null);
    expect(news).toEqual(['far away', 'far back']);
    expect(notices).toEqual([
      'the cluster at far has not answered since 2026-01-01T00:00:00.000Z: connection refused',
      'the cluster at far answers again',
    ]);
  });

  test('for a moment is no news, but who stumbled over it may go on', async () => {
    clusters.use('unit', remote('far'));
    clusterAt('far').become('reset');
    await clock.advance(1_000);
    clusterAt('far').become(null);
    await clock.advance(60_000);
    expect([news, notices]).toEqual([['far back'], []]);
  });

  test('ends the runs on it soon, and none that began when it was back', async () => {
    const destination = clusters.use('unit', remote('far'));
    const run = whileThere(destination, clock);
    clusterAt('far').become('reset');
    await clock.advance(1_999);
    clusterAt('far').become(null);
    await clock.advance(10_000);
    expect(run.signal.aborted).toBe(false);
    clusterAt('far').become('gone');
    await clock.advance(2_000);
    expect(run.signal.aborted).toBe(true);
    clusterAt('far').become(null);
    const next = whileThere(destination, clock);
    next.stop();
    clusterAt('far').become('gone');
    await clock.advance(10_000);
    expect(next.signal.aborted).toBe(false);
  });

  test("where the agent itself runs is waited for: it ends no run, and is nobody's news", async () => {
    home.become('restarting');
    const run = whileThere(clusters.own, clock);
    await clock.advance(60_000);
    expect([run.signal.aborted, awayOf(clusters.own), awayOf(null), news]).toEqual([false, null, null, []]);
  });

  test('is told no more once nobody uses it', async () => {
    clusters.use('unit', remote('far'));
    const cluster = clusterAt('far');
    cluster.become('gone');
    clusters.release('unit');
    await clock.advance(10_000);
    cluster.become(null);
    expect(news).toEqual([]);
  });
});

describe('credentials that are refused', () => {
  const unauthorized = new PlumbError('api-forbidden', 'Unauthorized', { fault: 'user', policy: 'retry', status: 401 });
  const isVersion = ({ verb }: { verb: string }): boolean => verb === 'raw';

  test('are told at once, and again while they are', async () => {
    clusters.use('unit', remote('far'));
    const refuse = open.get('far')?.refuse ?? (() => undefined);
    for (let i = 0; i < 3; i += 1) refuse();
    expect(news).toEqual(['far refused']);
    await clock.advance(30_000);
    refuse();
    expect(news).toEqual(['far refused', 'far refused']);
  });

  test('are known as such to whoever asks, for all with one request, until they are taken again', async () => {
    const destination = clusters.use('unit', remote('far'));
    await destination.confirm();
    const cluster = clusterAt('far');
    expect(cluster.requests).toEqual([]);
    open.get('far')?.refuse();
    cluster.version = () => cluster.raw('/version').then(() => 'v1');
    const off = cluster.faults.fail(unauthorized, 100, isVersion);
    const asked = await Promise.allSettled([destination.confirm(), destination.confirm()]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(cluster.requests).toHaveLength(1);
    off();
    await clock.advance(5_000);
    await destination.confirm();
    await destination.confirm();
    expect(cluster.requests).toHaveLength(2);
  });
});
