import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { configMapKey, deploymentKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());

test('a commit becomes the state of the cluster, and its status says so as Flux does', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'apps/cart.yaml': deployment(target, 'cart', { replicas: 2 }),
  });
  const revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('apps', { wait: true });
  const unit = await world.applied('apps', revision);

  const settings = await world.get(configMapKey(target, 'settings'));
  expect(settings?.['data']).toEqual({ colour: 'green' });
  expect(settings?.metadata.labels).toEqual({
    'kustomize.toolkit.fluxcd.io/name': 'apps',
    'kustomize.toolkit.fluxcd.io/namespace': world.namespace,
  });
  expect(settings?.metadata.managedFields?.map(({ manager, operation }) => [manager, operation])).toEqual([
    ['kustomize-controller', 'Apply'],
  ]);
  const cart = await world.get(deploymentKey(target, 'cart'));
  expect(cart?.['status']).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });

  const { status } = unit;
  expect(status?.inventory?.entries).toEqual([
    { id: `_${target}__Namespace`, v: 'v1' },
    { id: `${target}_settings__ConfigMap`, v: 'v1' },
    { id: `${target}_cart_apps_Deployment`, v: 'v1' },
  ]);
  expect(status).toMatchObject({
    observedGeneration: 1,
    lastAppliedRevision: revision,
    lastAttemptedRevision: revision,
  });
  expect(status?.conditions).toMatchObject([
    {
      type: 'Ready',
      status: 'True',
      reason: 'ReconciliationSucceeded',
      message: `Applied revision: ${revision}`,
      observedGeneration: 1,
    },
    {
      type: 'Healthy',
      status: 'True',
      reason: 'Succeeded',
      message: expect.stringMatching(/^Health check passed in /),
      observedGeneration: 1,
    },
  ]);
  expect(status?.history).toMatchObject([
    {
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      lastReconciledStatus: 'ReconciliationSucceeded',
      totalReconciliations: 1,
      metadata: { revision },
    },
  ]);
  expect(unit.metadata.finalizers).toEqual(['finalizers.fluxcd.io']);
});

test('events tell what was created and that the run is over', async () => {
  const { target } = world;
  const key = world.unitKey('apps');
  const created = await world.event(key, 'Progressing');
  expect(created.split('\n').toSorted()).toEqual(
    [
      `Namespace/${target} created`,
      `ConfigMap/${target}/settings created`,
      `Deployment/${target}/cart created`,
    ].toSorted(),
  );
  expect(await world.event(key, 'ReconciliationSucceeded')).toMatch(/^Reconciliation finished in .+, next run in .+$/);
  expect(await world.event(world.sourceKey(), 'NewArtifact')).toBe("stored artifact for commit 'Change'");
});

test('the source offers an artifact as Flux writes it', async () => {
  const source = (await world.get(world.sourceKey())) as KubeObject;
  expect(source['status']).toMatchObject({
    observedGeneration: 1,
    artifact: {
      revision: expect.stringMatching(/^main@sha1:[0-9a-f]{40}$/),
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      path: expect.stringMatching(new RegExp(`^gitrepository/${world.namespace}/shop/[0-9a-f]+\\.tar\\.gz$`)),
    },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Succeeded',
        message: expect.stringMatching(/^stored artifact for revision 'main@sha1:/),
      },
      { type: 'ArtifactInStorage', status: 'True', reason: 'Succeeded' },
    ],
  });
  expect(await world.problems()).toEqual([]);
});
