import type { GitRepository, JsonObject, KindRef, Kustomization, KubeObject, ObjectKey } from '@plumb/api';
import { APPLY_MANAGER, crds, FLUX_VERSION, GIT_REPOSITORY, keyOf, KUSTOMIZATION } from '@plumb/api';
import { healthOf, parseInventoryEntry } from '@plumb/core';
import { BEHAVIOUR_ANNOTATION, clusterObjects } from '@plumb/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { condition, configMapKey, deploymentKey, namespaceKey, World } from './support/world.ts';

/*
 * What each verb of the flux command line reads and writes (fluxcd/flux2 v2.9: cmd/flux), done here through the API as it does it.
 * The command line never talks to an agent, so these objects are all it has to go by.
 */

const POD: KindRef = { group: '', version: 'v1', kind: 'Pod' };
const EVENT: KindRef = { group: '', version: 'v1', kind: 'Event' };
const DEPLOYMENT: KindRef = { group: 'apps', version: 'v1', kind: 'Deployment' };

let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'clusters/apps.yaml': unit('apps'),
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'apps/cart.yaml': deployment(target, 'cart'),
  });
  revision = `main@sha1:${commit}`;
});
afterAll(() => world.close());

/** A Kustomization as it stands in Git. */
function unit(name: string): string {
  return `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: ${name}
  namespace: ${world.namespace}
spec:
  interval: 10m
  path: ./${name}
  prune: true
  wait: true
  timeout: 30s
  sourceRef: { kind: GitRepository, name: shop }
`;
}

const statusOf = (object: KubeObject | null): JsonObject => (object?.['status'] ?? {}) as JsonObject;
const specOf = (object: KubeObject | null): JsonObject => (object?.['spec'] ?? {}) as JsonObject;

/** Readiness as `flux create` and `flux resume` wait for it. */
function isReady(object: KubeObject | null): boolean {
  const ready = condition(object, 'Ready') as { observedGeneration?: number } | undefined;
  if (object === null || Number(statusOf(object)['observedGeneration'] ?? -1) < 1) return false;
  return ready?.observedGeneration === object.metadata.generation && healthOf(object).status === 'Current';
}

/** `flux reconcile`: annotates, and polls until the token is handled. @returns the first object that says so */
async function reconcile(key: ObjectKey): Promise<KubeObject> {
  const token = await world.request(key);
  return (await world.until(key, `handle ${token}`, (object) => statusOf(object)['lastHandledReconcileAt'] === token))!;
}

function create(kind: KindRef, name: string, spec: JsonObject): Promise<KubeObject> {
  const apiVersion = `${kind.group}/${kind.version}`;
  return world.cluster.create({
    apiVersion,
    kind: kind.kind,
    metadata: { name, namespace: world.namespace },
    spec,
  });
}

async function eventsOf(key: ObjectKey): Promise<KubeObject[]> {
  const fieldSelector = `involvedObject.kind=${key.kind},involvedObject.name=${key.name}`;
  return (await world.cluster.list(EVENT, { namespace: key.namespace, fieldSelector })).items;
}

describe('flux create', () => {
  test('source git: nobody has looked at a new object, and the first that is ready has its artifact', async () => {
    const spec = { url: world.repository.url, interval: '10m', ref: { branch: 'main' } };
    const created = await create(GIT_REPOSITORY, 'shop', spec);
    expect(created['status']).toEqual({ observedGeneration: -1 });
    expect(isReady(created)).toBe(false);
    const ready = await world.until(world.sourceKey(), 'be ready', isReady);
    expect(statusOf(ready)).toMatchObject({ artifact: { revision }, observedGeneration: 1 });
  });

  test('kustomization: the first that is ready names the revision it applied', async () => {
    const created = await create(KUSTOMIZATION, 'clusters', {
      interval: '10m',
      path: './clusters',
      prune: true,
      wait: true,
      timeout: '1m',
      sourceRef: { kind: 'GitRepository', name: 'shop' },
    });
    expect(created['status']).toEqual({ observedGeneration: -1 });
    const ready = await world.until(world.unitKey('clusters'), 'be ready', isReady);
    expect(statusOf(ready)['lastAppliedRevision']).toBe(revision);
    expect((await world.get(deploymentKey(world.target, 'cart')))?.['status']).toMatchObject({ readyReplicas: 1 });
  });
});

describe('flux get', () => {
  test('one by name: revision, suspension and the Ready condition', async () => {
    const fieldSelector = 'metadata.name=apps';
    const list = await world.cluster.list(KUSTOMIZATION, { namespace: world.namespace, fieldSelector });
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['apps']);
    const [apps = null] = list.items;
    expect(statusOf(apps)['lastAppliedRevision']).toBe(revision);
    expect(specOf(apps)['suspend']).toBeUndefined();
    expect(condition(apps, 'Ready')).toMatchObject({ status: 'True', message: `Applied revision: ${revision}` });
  });

  test('sources', async () => {
    const list = await world.cluster.list(GIT_REPOSITORY, { namespace: world.namespace });
    const message = `stored artifact for revision '${revision}'`;
    expect(condition(list.items[0], 'Ready')).toMatchObject({ status: 'True', message });
  });
});

describe('flux reconcile', () => {
  test('source git: handled means ready, and an event answers even where nothing is new', async () => {
    const source = await reconcile(world.sourceKey());
    expect(isReady(source)).toBe(true);
    expect(condition(source, 'Ready')?.status).toBe('True');
    await world.event(world.sourceKey(), 'ArtifactUpToDate', (message) => message.includes(revision));
  });

  test('kustomization: handled means ready, and an event answers even where nothing changed', async () => {
    await world.event(world.unitKey('apps'), 'ReconciliationSucceeded');
    const before = (await eventsOf(world.unitKey('apps'))).length;
    expect(isReady(await reconcile(world.unitKey('apps')))).toBe(true);
    await expect.poll(async () => (await eventsOf(world.unitKey('apps'))).length, { timeout: 10_000 }).toBe(before + 1);
  });

  test('kustomization --with-source: does not return before the rollout it brings has ended', async () => {
    const { target } = world;
    const slow = deployment(target, 'cart', { image: 'shop/cart:2.0' }).replace(
      'template:\n    metadata:\n',
      `template:\n    metadata:\n      annotations: { ${BEHAVIOUR_ANNOTATION}: slow-start=2s }\n`,
    );
    revision = `main@sha1:${await world.repository.commit({ 'apps/cart.yaml': slow })}`;
    const source = await reconcile(world.sourceKey());
    expect((statusOf(source)['artifact'] as JsonObject)['revision']).toBe(revision);
    const apps = await reconcile(world.unitKey('apps'));
    expect(isReady(apps)).toBe(true);
    expect(statusOf(apps)['lastAppliedRevision']).toBe(revision);
    const cart = await world.get(deploymentKey(target, 'cart'));
    expect(cart?.['status']).toMatchObject({ updatedReplicas: 1, readyReplicas: 1, replicas: 1 });
  });

  test('a failing kustomization is handled too, and stays in progress for whoever waits', async () => {
    await create(KUSTOMIZATION, 'nowhere', {
      interval: '10m',
      path: './nowhere',
      prune: true,
      sourceRef: { kind: 'GitRepository', name: 'shop' },
    });
    await world.conditionIs(world.unitKey('nowhere'), 'Ready', 'False');
    const nowhere = await reconcile(world.unitKey('nowhere'));
    expect(healthOf(nowhere).status).toBe('InProgress');
    expect(condition(nowhere, 'Ready')?.message).toContain('kustomization path not found');
  });

  test('a stalled kustomization fails at once with its reason', async () => {
    await create(KUSTOMIZATION, 'mistaken', {
      interval: '10m',
      path: './apps',
      prune: false,
      dependsOn: [{ name: 'apps', readyExpr: 'dep.status.' }],
      sourceRef: { kind: 'GitRepository', name: 'shop' },
    });
    await world.conditionIs(world.unitKey('mistaken'), 'Stalled', 'True');
    const mistaken = await reconcile(world.unitKey('mistaken'));
    expect(healthOf(mistaken)).toEqual({ status: 'Failed', message: condition(mistaken, 'Ready')?.message });
  });
});

test('flux suspend, flux resume: what was ready before does not count as ready again', async () => {
  const key = world.unitKey('apps');
  const patch = (spec: JsonObject): Promise<KubeObject> =>
    world.cluster.patch(key, { spec }, { type: 'merge', fieldManager: 'flux' });
  const suspended = await patch({ suspend: true });
  expect(specOf(suspended)['suspend']).toBe(true);
  const resumed = await patch({ suspend: null });
  expect(isReady(resumed)).toBe(false);
  const ready = await world.until(key, 'be ready', isReady);
  expect(statusOf(ready)['observedGeneration']).toBe(resumed.metadata.generation);
});

test('flux tree: every entry of the inventories is an object, and units lead on to their own', async () => {
  const seen: string[] = [];
  const walk = async (key: ObjectKey): Promise<void> => {
    const { status } = (await world.get(key)) as unknown as Kustomization;
    for (const entry of status?.inventory?.entries ?? []) {
      const child = parseInventoryEntry(entry);
      expect(await world.get(child), entry.id).not.toBeNull();
      seen.push(`${child.kind}/${child.name}`);
      if (child.kind === KUSTOMIZATION.kind) await walk(child);
    }
  };
  await walk(world.unitKey('clusters'));
  const { target } = world;
  expect(seen).toEqual(['Kustomization/apps', `Namespace/${target}`, 'ConfigMap/settings', 'Deployment/cart']);
});

test('flux trace: from a pod by its owners and their labels to the unit, its source and the commit', async () => {
  const { target } = world;
  const pods = await world.cluster.list(POD, { namespace: target, labelSelector: 'app=cart' });
  let object: KubeObject | null = pods.items[0] ?? null;
  while (object?.metadata.ownerReferences?.[0] !== undefined) {
    const { apiVersion, kind, name } = object.metadata.ownerReferences[0];
    object = await world.get(keyOf({ apiVersion, kind, metadata: { name, namespace: target } }));
  }
  const labels = object?.metadata.labels ?? {};
  expect(object?.kind).toBe('Deployment');
  const owner = {
    ...KUSTOMIZATION,
    name: labels['kustomize.toolkit.fluxcd.io/name'] ?? '',
    namespace: labels['kustomize.toolkit.fluxcd.io/namespace'] ?? '',
  };
  const apps = (await world.get(owner)) as unknown as Kustomization;
  expect(apps.status?.lastAppliedRevision).toBe(revision);
  const { name } = apps.spec.sourceRef;
  const source = (await world.get({ ...GIT_REPOSITORY, name, namespace: owner.namespace })) as unknown as GitRepository;
  expect(source.status?.artifact?.revision).toBe(revision);
});

test('flux events: core events that name the object they are about, with the time they sort by', async () => {
  const apps = await world.get(world.unitKey('apps'));
  const about = await eventsOf(world.unitKey('apps'));
  expect(about.map((event) => event['reason'])).toContain('ReconciliationSucceeded');
  for (const event of about) {
    expect(event['involvedObject']).toMatchObject({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      name: 'apps',
      namespace: world.namespace,
      uid: apps?.metadata.uid,
    });
    expect(event['lastTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(event['type']).toBe('Normal');
    expect(event['source']).toEqual({ component: 'kustomize-controller' });
  }
  const { target } = world;
  const created = [`Namespace/${target}`, `ConfigMap/${target}/settings`, `Deployment/${target}/cart`];
  const message = created.map((object) => `${object} created`).join('\n');
  expect(about.map((event) => event['message'])).toContain(message);
  const ofSource = await eventsOf(world.sourceKey());
  expect(ofSource.map((event) => event['reason'])).toContain('NewArtifact');
  const failures = await eventsOf(world.unitKey('nowhere'));
  expect(failures.map((event) => event['type'])).toContain('Warning');
});

test('flux stats: a size to sum, one Ready condition to count, and a bare suspend', async () => {
  const source = (await world.get(world.sourceKey())) as unknown as GitRepository;
  expect(Number.isInteger(source.status?.artifact?.size)).toBe(true);
  const { items } = await world.cluster.list(KUSTOMIZATION, { namespace: world.namespace });
  const failing = items.filter((object) => condition(object, 'Ready')?.status === 'False');
  expect(failing.map(({ metadata }) => metadata.name).toSorted()).toEqual(['mistaken', 'nowhere']);
});

test('flux export: the spec holds what was written, and no default a person would have to explain', async () => {
  const apps = await world.get(world.unitKey('apps'));
  const { force, ...written } = specOf(apps);
  // Flux's own CRD has this default; flux export leaves it out.
  expect(force).toBe(false);
  expect(written).toEqual({
    interval: '10m',
    path: './apps',
    prune: true,
    wait: true,
    timeout: '30s',
    sourceRef: { kind: 'GitRepository', name: 'shop' },
  });
});

test('flux diff kustomization: a dry run of what stands changes nothing', async () => {
  const { target } = world;
  const live = await world.get(configMapKey(target, 'settings'));
  const labels = live?.metadata.labels ?? {};
  const declared = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: target, labels },
    data: { colour: 'green' },
  };
  const dry = await world.cluster.apply(declared, { fieldManager: APPLY_MANAGER, force: true, dryRun: true });
  expect(dry['data']).toEqual(live?.['data']);
  expect(dry.metadata.labels).toEqual(labels);
  expect(dry.metadata.managedFields?.map(({ manager }) => manager)).toEqual([APPLY_MANAGER]);
});

test('flux debug kustomization: a history with the result of each bundle, newest first', async () => {
  const { status } = (await world.get(world.unitKey('apps'))) as unknown as Kustomization;
  expect(status?.history).toHaveLength(2);
  expect(status?.history?.[0]).toMatchObject({
    lastReconciledStatus: 'ReconciliationSucceeded',
    metadata: { revision },
  });
  // metav1.Duration, as Go prints it.
  expect(status?.history?.[0]?.lastReconciledDuration).toMatch(/^([0-9]+(\.[0-9]+)?(h|m|s|ms|µs))+$/);
});

describe('flux check, flux version', () => {
  test('the kinds carry the labels and a stored version', async () => {
    for (const { metadata, ...definition } of crds()) {
      const key = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', namespace: '' };
      const crd = await world.get({ ...key, name: metadata.name });
      expect(crd?.metadata.labels).toMatchObject({
        'app.kubernetes.io/part-of': 'flux',
        'app.kubernetes.io/version': FLUX_VERSION,
      });
      const [version] = specOf(definition as KubeObject)['versions'] as { name: string }[];
      expect(statusOf(crd)['storedVersions']).toEqual([version?.name]);
    }
  });

  test('a Deployment stands for the agent: labelled, one container named manager, an image with a tag, and it rolls out', async () => {
    const agent = clusterObjects(world.repository.url).find(({ kind }) => kind === 'Deployment')!;
    await world.apply({ ...agent, metadata: { ...agent.metadata, namespace: world.namespace } });
    const labelSelector = 'app.kubernetes.io/part-of=flux';
    const list = await world.cluster.list(DEPLOYMENT, { namespace: world.namespace, labelSelector });
    expect(list.items.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/version'])).toEqual([FLUX_VERSION]);
    const key = deploymentKey(world.namespace, agent.metadata.name);
    const ready = await world.until(
      key,
      'roll out',
      (object) => object !== null && healthOf(object).status === 'Current',
    );
    expect(ready).toMatchObject({
      spec: {
        template: { spec: { containers: [{ name: 'manager', image: expect.stringMatching(/^[^:]+:[^:]+$/) }] } },
      },
    });
  });
});

test('flux delete kustomization: the object goes, and what it applied goes with it', async () => {
  await world.cluster.delete(world.unitKey('clusters'));
  await world.until(world.unitKey('clusters'), 'go', (object) => object === null);
  await world.until(world.unitKey('apps'), 'go', (object) => object === null);
  await world.until(namespaceKey(world.target), 'go', (object) => object === null);
});

test('flux delete source git', async () => {
  await world.cluster.delete(world.sourceKey());
  await world.until(world.sourceKey(), 'go', (object) => object === null);
  expect(await world.problems()).toEqual([]);
});
