import { gunzipSync } from 'node:zlib';
import type { HelmRelease, JsonObject, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import { HELM_CHART, HELM_RELEASE, keyOf } from '@plumb/api';
import { healthOf, parseInventoryEntry } from '@plumb/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMapTemplate, deploymentTemplate, REFUSED_SERVICE } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { condition } from './support/world.ts';

/*
 * What each verb of the flux command line reads and writes of HelmReleases (fluxcd/flux2 v2.9: cmd/flux), done here through the API as it does it.
 * flux-cli-contract.test.ts has the other kinds.
 */

const POD: KindRef = { group: '', version: 'v1', kind: 'Pod' };
const SECRET: KindRef = { group: '', version: 'v1', kind: 'Secret' };

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
  await releases.chart('cart', {
    'values.yaml': 'colour: green\n',
    'templates/settings.yaml': configMapTemplate('settings', { colour: '{{ .Values.colour }}' }),
    'templates/web.yaml': deploymentTemplate('web'),
  });
  await releases.chart('bad', { 'templates/service.yaml': REFUSED_SERVICE });
});
afterAll(async () => {
  await releases.close();
});

const CHART_REF = { kind: 'HelmChart', name: 'cart' } as const;

function create(name: string, spec: JsonObject): Promise<KubeObject> {
  return releases.world.cluster.create({
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: HELM_RELEASE.kind,
    metadata: { name, namespace: releases.world.namespace },
    spec,
  });
}

const release = (object: KubeObject | null): HelmRelease => object as unknown as HelmRelease;
const get = async (name: string): Promise<HelmRelease> => release(await releases.world.get(releases.key(name)));

/** Readiness as `flux create` and `flux resume` wait for it. */
function isReady(object: KubeObject | null): boolean {
  const ready = condition(object, 'Ready') as { observedGeneration?: number } | undefined;
  if (object === null || (release(object).status?.observedGeneration ?? -1) < 1) return false;
  return ready?.observedGeneration === object.metadata.generation && healthOf(object).status === 'Current';
}

/** `flux reconcile`: annotates, and polls until the token is handled. @returns the first object that says so */
async function reconcile(name: string): Promise<KubeObject> {
  const { world } = releases;
  const token = await world.request(releases.key(name));
  const handled = (object: KubeObject | null) =>
    object !== null && release(object).status?.lastHandledReconcileAt === token;
  return (await world.until(releases.key(name), `handle ${token}`, handled))!;
}

test('flux create helmrelease: nobody has looked at a new object, and the first that is ready runs', async () => {
  const created = await create('cart', { interval: '10m', timeout: '1m', chartRef: CHART_REF });
  expect(created['status']).toEqual({ observedGeneration: -1 });
  expect(isReady(created)).toBe(false);
  await releases.world.until(releases.key('cart'), 'be ready', isReady);
  expect((await releases.object('Deployment', 'cart-web', 'apps'))?.['status']).toMatchObject({ readyReplicas: 1 });
});

test('flux get helmreleases: the version of the chart, suspension and the Ready condition', async () => {
  const { items } = await releases.world.cluster.list(HELM_RELEASE, { namespace: releases.world.namespace });
  const [cart = null] = items;
  expect(release(cart).status?.history?.[0]?.chartVersion).toBe('1.0.0');
  expect(release(cart).spec).not.toHaveProperty('suspend');
  const message = `Helm install succeeded for release ${releases.world.namespace}/cart.v1 with chart cart@1.0.0`;
  expect(condition(cart, 'Ready')).toMatchObject({ status: 'True', message });
});

describe('flux reconcile helmrelease', () => {
  test('handled means ready', async () => {
    expect(isReady(await reconcile('cart'))).toBe(true);
  });

  test('it does not return before the rollout that a new chart brings has ended', async () => {
    await releases.chart(
      'cart',
      {
        'values.yaml': 'colour: green\n',
        'templates/settings.yaml': configMapTemplate('settings', { colour: '{{ .Values.colour }}' }),
        'templates/web.yaml': deploymentTemplate('web', { behaviour: 'slow-start=5s' }),
      },
      '1.1.0',
    );
    await releases.until('cart', 'have it under way', ({ status }) => status?.history?.[0]?.version === 2);
    const cart = await reconcile('cart');
    expect(isReady(cart)).toBe(true);
    expect(release(cart).status?.history?.[0]).toMatchObject({ version: 2, chartVersion: '1.1.0' });
    const web = await releases.object('Deployment', 'cart-web', 'apps');
    expect(web?.['status']).toMatchObject({ updatedReplicas: 1, readyReplicas: 1, replicas: 1 });
  });

  test('one that was given up is handled too, and fails at once with its reason', async () => {
    await create('bad', { interval: '10m', timeout: '1m', chartRef: { ...CHART_REF, name: 'bad' } });
    await releases.world.conditionIs(releases.key('bad'), 'Stalled', 'True');
    const bad = await reconcile('bad');
    expect(healthOf(bad).status).toBe('Failed');
    expect(condition(bad, 'Ready')?.message).toContain('Helm install failed for release');
  });

  test('--with-source: the HelmChart that spec.chart stands for is named', async () => {
    await create('named', {
      interval: '10m',
      chart: { spec: { chart: 'cart', version: '1.x', sourceRef: { kind: 'HelmRepository', name: 'charts' } } },
    });
    const { namespace } = releases.world;
    const isNamed = (object: KubeObject | null) => object !== null && release(object).status?.helmChart !== undefined;
    const named = await releases.world.until(releases.key('named'), 'name its HelmChart', isNamed);
    expect(release(named).status?.helmChart).toBe(`${namespace}/${namespace}-named`);
    const chart = await releases.world.get({ ...HELM_CHART, namespace, name: `${namespace}-named` });
    expect(chart?.['spec']).toMatchObject({ sourceRef: { kind: 'HelmRepository', name: 'charts' } });
  });
});

test('flux suspend, flux resume: what was ready before does not count as ready again', async () => {
  const key = releases.key('cart');
  const patch = (spec: JsonObject): Promise<KubeObject> =>
    releases.world.cluster.patch(key, { spec }, { type: 'merge', fieldManager: 'flux' });
  expect(release(await patch({ suspend: true })).spec.suspend).toBe(true);
  const resumed = await patch({ suspend: null });
  expect(isReady(resumed)).toBe(false);
  const ready = await releases.world.until(key, 'be ready', isReady);
  expect(release(ready).status?.observedGeneration).toBe(resumed.metadata.generation);
});

test('flux tree: every entry of the inventory is an object; older ones read the newest record', async () => {
  const { status } = await get('cart');
  const entries = (status?.inventory?.entries ?? []).map(parseInventoryEntry);
  expect(entries.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    'ConfigMap/cart-settings',
    'Deployment/cart-web',
  ]);
  for (const entry of entries) expect(await releases.world.get(entry), entry.name).not.toBeNull();
  const { namespace = '', name = '', version = 0 } = status?.history?.[0] ?? {};
  expect(status?.storageNamespace).toBe(namespace);
  const secret = await releases.world.get({ ...SECRET, namespace, name: `sh.helm.release.v1.${name}.v${version}` });
  const { release: data = '' } = (secret?.['data'] ?? {}) as Record<string, string>;
  const packed = Buffer.from(Buffer.from(data, 'base64').toString(), 'base64');
  const { manifest } = JSON.parse(gunzipSync(packed).toString()) as { manifest: string };
  expect(manifest).toContain('kind: Deployment');
});

test('flux trace: from a pod by its owners and their labels to the release', async () => {
  const { namespace } = releases.world;
  const pods = await releases.world.cluster.list(POD, { namespace, labelSelector: 'app=cart-web' });
  let object: KubeObject | null = pods.items[0] ?? null;
  while (object?.metadata.ownerReferences?.[0] !== undefined) {
    const { apiVersion, kind, name } = object.metadata.ownerReferences[0];
    object = await releases.world.get(keyOf({ apiVersion, kind, metadata: { name, namespace } }));
  }
  const { labels = {}, annotations = {} } = object?.metadata ?? {};
  expect(object?.kind).toBe('Deployment');
  expect(labels).toMatchObject({
    'helm.toolkit.fluxcd.io/name': 'cart',
    'helm.toolkit.fluxcd.io/namespace': namespace,
    'app.kubernetes.io/managed-by': 'Helm',
  });
  expect(annotations).toMatchObject({ 'meta.helm.sh/release-name': 'cart' });
});

test('flux events: core events that name the object they are about, with the time they sort by', async () => {
  const { metadata } = await get('cart');
  const key: ObjectKey = releases.key('cart');
  const { items } = await releases.world.cluster.list(
    { group: '', version: 'v1', kind: 'Event' },
    { namespace: key.namespace, fieldSelector: `involvedObject.kind=${key.kind},involvedObject.name=${key.name}` },
  );
  expect([...new Set(items.map((event) => String(event['reason'])))].toSorted()).toEqual([
    'InstallSucceeded',
    'UpgradeSucceeded',
  ]);
  for (const event of items) {
    expect(event['involvedObject']).toMatchObject({
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      name: 'cart',
      namespace: key.namespace,
      uid: metadata.uid,
    });
    expect(event['lastTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(event['source']).toEqual({ component: 'helm-controller' });
  }
});

test('flux export: the spec holds what was written, and no default a person would have to explain', async () => {
  expect((await get('cart')).spec).toEqual({ interval: '10m', timeout: '1m', chartRef: CHART_REF });
});

test('flux debug helmrelease: a history, newest first', async () => {
  const { status } = await get('cart');
  expect(status?.history?.map(({ version, status: state }) => `${version} ${state}`)).toEqual([
    '2 deployed',
    '1 superseded',
  ]);
});

test('flux delete helmrelease: the object goes, and its release with it', async () => {
  await releases.world.cluster.delete(releases.key('cart'));
  await releases.world.until(releases.key('cart'), 'be gone', (object) => object === null);
  expect(await releases.object('ConfigMap', 'cart-settings')).toBeNull();
});

test('nothing else was wrong', async () => {
  expect(await releases.problems()).toEqual([]);
});
