import { createHash } from 'node:crypto';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  messageOf,
  recordsOf,
  says,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { namespaceKey } from './support/world.ts';

let releases: Releases;
let other: string;
beforeAll(async () => {
  releases = await Releases.start();
  other = `${releases.world.target}-other`;
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: other } });
});
afterAll(async () => {
  await releases.world.cluster.delete(namespaceKey(other));
  await releases.close();
});

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: 'green' }) };

const mapIn = (namespace: string, name: string): Promise<KubeObject | null> =>
  releases.world.get({ group: '', version: 'v1', kind: 'ConfigMap', namespace, name });

const moved = async (name: string, history: string[]): Promise<void> => {
  const release = await releases.ready(name);
  expect(historyOf(release)).toEqual(history);
  expect(failuresOf(release)).toEqual([0, 0, 0]);
};

test('a namespace that is not there fails the install', async () => {
  const { target } = releases.world;
  await releases.chart('far', MAIN);
  await releases.release('far', { targetNamespace: target });
  const failed = await releases.until('far', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(failed, 'Ready')).toMatch(new RegExp(`namespaces "${target}" not found`));
  expect(failuresOf(failed)).toEqual([1, 1, 0]);
});

test('createNamespace makes it, labelled as Helm does, also where the install has failed', async () => {
  const { target, namespace } = releases.world;
  await releases.release('far', { targetNamespace: target, install: { createNamespace: true } });
  const release = await releases.ready('far');
  const made = await releases.world.get(namespaceKey(target));
  expect(made?.metadata.labels).toMatchObject({ name: target });
  expect(await mapIn(target, `${target}-far-main`)).not.toBeNull();
  // Records stay with the HelmRelease.
  expect(await recordsOf(releases, `${target}-far`, namespace)).toEqual(['v2 deployed', 'v1 failed']);
  const [snapshot] = release.status?.history ?? [];
  expect(release.status?.storageNamespace).toBe(namespace);
  expect(snapshot).toMatchObject({ namespace: target, name: `${target}-far` });
});

test('without targetNamespace createNamespace says nothing', async () => {
  await releases.chart('near', MAIN);
  await releases.release('near', { install: { createNamespace: true } });
  await moved('near', ['v1 deployed install']);
  expect(await recordsOf(releases, 'near')).toEqual(['v1 deployed']);
});

test('a name that is too long for Helm is cut, and told apart by its hash', async () => {
  const long = `a-name-of-a-release-that-is-longer-than-helm-takes-${'x'.repeat(9)}`;
  const hash = createHash('sha256').update(long).digest('hex').slice(0, 12);
  await releases.chart('long', MAIN);
  await releases.release(long, { chartRef: { kind: 'HelmChart', name: 'long' } });
  await releases.ready(long);
  const name = `${long.slice(0, 40)}-${hash}`;
  expect(name.length).toBe(53);
  expect(await recordsOf(releases, name)).toEqual(['v1 deployed']);
});

test('another releaseName uninstalls the release and installs it anew', async () => {
  await releases.chart('name', MAIN);
  await releases.release('name');
  await releases.ready('name');
  await releases.release('name', { releaseName: 'renamed' });
  await moved('name', ['v1 deployed install']);
  const { namespace } = releases.world;
  expect(await recordsOf(releases, 'name')).toEqual([]);
  expect(await recordsOf(releases, 'renamed')).toEqual(['v1 deployed']);
  expect(await releases.object('ConfigMap', 'name-main')).toBeNull();
  expect(await releases.object('ConfigMap', 'renamed-main')).not.toBeNull();
  await expect
    .poll(() => eventsOf(releases, 'name'), TOLD_WITHIN)
    .toContain(`UninstallSucceeded: Helm uninstall succeeded for release ${namespace}/name.v1 with chart name@1.0.0`);
});

test('another targetNamespace does, too', async () => {
  await releases.chart('move', MAIN);
  await releases.release('move', { releaseName: 'move' });
  await releases.ready('move');
  await releases.release('move', { releaseName: 'move', targetNamespace: other });
  await moved('move', ['v1 deployed install']);
  expect(await releases.object('ConfigMap', 'move-main')).toBeNull();
  expect(await mapIn(other, 'move-main')).not.toBeNull();
});

test('another storageNamespace does, too', async () => {
  await releases.chart('store', MAIN);
  await releases.release('store');
  await releases.ready('store');
  await releases.release('store', { storageNamespace: other });
  await moved('store', ['v1 deployed install']);
  expect(await recordsOf(releases, 'store')).toEqual([]);
  expect(await recordsOf(releases, 'store', other)).toEqual(['v1 deployed']);
  expect(await releases.object('ConfigMap', 'store-main')).not.toBeNull();
});

test('a chart of another name is installed anew', async () => {
  await releases.chart('old-chart', MAIN);
  await releases.chart('new-chart', MAIN);
  await releases.release('chart', { chartRef: { kind: 'HelmChart', name: 'old-chart' } });
  await releases.ready('chart');
  await releases.release('chart', { chartRef: { kind: 'HelmChart', name: 'new-chart' } });
  await moved('chart', ['v1 deployed install']);
  expect(await recordsOf(releases, 'chart')).toEqual(['v1 deployed']);
});

test('or upgraded to, where the strategy says so', async () => {
  const upgrade = { chartNameChangeStrategy: 'InPlaceUpdate' };
  await releases.release('chart', { upgrade, chartRef: { kind: 'HelmChart', name: 'old-chart' } });
  await moved('chart', ['v2 deployed upgrade', 'v1 superseded install']);
  expect(await recordsOf(releases, 'chart')).toEqual(['v2 deployed', 'v1 superseded']);
  expect(await releases.problems()).toEqual([]);
});
