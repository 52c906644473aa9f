import { HELM_RELEASE, PlumbError } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OnDemandObjects } from './on-demand-objects.ts';

const DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'helmreleases.helm.toolkit.fluxcd.io' },
  spec: {
    group: HELM_RELEASE.group,
    scope: 'Namespaced',
    names: { kind: HELM_RELEASE.kind, plural: 'helmreleases', singular: 'helmrelease' },
    versions: [
      { name: HELM_RELEASE.version, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
    ],
  },
};
const RELEASE: KubeObject = {
  apiVersion: 'helm.toolkit.fluxcd.io/v2',
  kind: 'HelmRelease',
  metadata: { name: 'db', namespace: 'shop' },
};

let cluster: MemoryCluster;
let clock: FakeClock;
let stop: AbortController;
let releases: OnDemandObjects;
let changes: string[];
let availabilities: string[];

beforeEach(async () => {
  cluster = new MemoryCluster();
  clock = new FakeClock();
  stop = new AbortController();
  releases = new OnDemandObjects(cluster, HELM_RELEASE, { clock, signal: stop.signal });
  changes = [];
  availabilities = [];
  releases.listen((id) => changes.push(id));
  releases.listenAvailability(() => availabilities.push(releases.availability));
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});
afterEach(async () => {
  stop.abort();
  await releases.done();
});

const becomes = (availability: string): Promise<void> =>
  expect.poll(() => releases.availability, { timeout: 10_000 }).toBe(availability);

test('nothing is asked of the cluster before somebody needs them', async () => {
  await cluster.create(DEFINITION);
  const asked = cluster.requests.length;
  expect(releases.get('shop/db')).toBeUndefined();
  expect(releases.availability).toBe('pending');
  expect(cluster.requests).toHaveLength(asked);
});

test('from then on they are in view, and their changes are told', async () => {
  await cluster.create(DEFINITION);
  await cluster.create(RELEASE);
  releases.need();
  releases.need();
  await becomes('listed');
  expect(releases.get('shop/db')).toMatchObject(RELEASE);
  const version = releases.version('shop/db');
  await cluster.patch(
    { ...HELM_RELEASE, namespace: 'shop', name: 'db' },
    { metadata: { labels: { a: 'b' } } },
    { type: 'merge' },
  );
  await expect.poll(() => changes).toEqual(['shop/db', 'shop/db']);
  expect(releases.version('shop/db')).not.toBe(version);
  expect(availabilities).toEqual(['listed']);
  expect(cluster.requests.filter(({ verb, kind }) => verb === 'list' && kind === 'HelmRelease')).toHaveLength(1);
});

test('a kind that is not served is looked for again, but not at each call', async () => {
  releases.need();
  await becomes('not-served');
  await cluster.create(DEFINITION);
  releases.need();
  expect(releases.availability).toBe('not-served');
  await clock.advance(5_000);
  releases.need();
  await becomes('listed');
  expect(availabilities).toEqual(['not-served', 'pending', 'listed']);
});

test('what keeps the first list away is told, until it is in', async () => {
  await cluster.create(DEFINITION);
  const forbidden = new PlumbError('api-forbidden', 'helmreleases is forbidden', { fault: 'user', policy: 'retry' });
  const off = cluster.faults.add({
    times: 1_000,
    matches: ({ verb }) => verb === 'list',
    before: () => {
      throw forbidden;
    },
  });
  releases.need();
  await expect.poll(() => releases.trouble).toBe('helmreleases is forbidden');
  expect(releases.availability).toBe('pending');
  off();
  await becomes('listed');
  expect(releases.trouble).toBeNull();
});

test('a watch that nobody needs any more is ended, and begun again for whoever needs it', async () => {
  await cluster.create(DEFINITION);
  await cluster.create(RELEASE);
  releases.rest();
  releases.need();
  await becomes('listed');
  releases.rest();
  expect(releases.availability).toBe('pending');
  expect(releases.get('shop/db')).toBeUndefined();
  const told = changes.length;
  await cluster.patch(
    { ...HELM_RELEASE, namespace: 'shop', name: 'db' },
    { metadata: { labels: { a: 'c' } } },
    { type: 'merge' },
  );
  releases.need();
  await becomes('listed');
  expect(releases.get('shop/db')?.metadata.labels).toEqual({ a: 'c' });
  expect(changes.slice(told)).toEqual(['shop/db']);
  expect(releases.trouble).toBeNull();
});

test('an end before the first list is in is no trouble', async () => {
  await cluster.create(DEFINITION);
  releases.need();
  await expect
    .poll(() => cluster.requests.some(({ verb, kind }) => verb === 'list' && kind === 'HelmRelease'))
    .toBe(true);
  releases.rest();
  await releases.done();
  expect(releases.trouble).toBeNull();
});

describe('a watch that is cut', () => {
  const away = new PlumbError('api-unavailable', 'the line is cut', { fault: 'system', policy: 'retry' });
  const lists = (): number =>
    cluster.requests.filter(({ verb, kind }) => verb === 'list' && kind === HELM_RELEASE.kind).length;
  const isWatched = (): Promise<void> =>
    expect
      .poll(() => cluster.requests.some(({ verb, kind }) => verb === 'watch' && kind === HELM_RELEASE.kind))
      .toBe(true);
  const isTroubled = (): Promise<void> => expect.poll(() => releases.trouble).not.toBeNull();
  let restore: () => void;

  beforeEach(async () => {
    await cluster.create(DEFINITION);
    releases.need();
    await becomes('listed');
    await isWatched();
    restore = cluster.faults.add({
      times: 1_000_000,
      matches: ({ verb, kind }) => verb === 'watch' && kind === HELM_RELEASE.kind,
      before: () => {
        throw away;
      },
    });
    cluster.cutWatches(away);
    await isTroubled();
  });

  test('leaves nobody blind at once, but after a second', async () => {
    await clock.advance(1_000);
    expect(releases.isBlind).toBe(false);
    await clock.advance(1);
    expect(releases.isBlind).toBe(true);
    restore();
  });

  test('tells all that was missed before it is believed again', async () => {
    await clock.advance(2_000);
    await cluster.create(RELEASE);
    expect(releases.isBlind).toBe(true);
    restore();
    await expect.poll(() => releases.isBlind, { timeout: 10_000 }).toBe(false);
    expect(releases.get('shop/db')).toMatchObject(RELEASE);
    expect(lists()).toBe(2);
    await clock.advance(60_000);
    expect(releases.isBlind).toBe(false);
  });

  test('for less than that goes on from where it was', async () => {
    await clock.advance(500);
    restore();
    await cluster.create(RELEASE);
    await expect.poll(() => releases.get('shop/db'), { timeout: 10_000 }).toBeDefined();
    await clock.advance(60_000);
    expect(releases.isBlind).toBe(false);
    expect(lists()).toBe(1);
  });
});
