import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { configMapKey, deploymentKey, World } from './support/world.ts';

let world: World;
let revision: string;
beforeAll(async () => {
  world = await World.start();
  const { target } = world;
  const commit = await world.repository.commit({
    'base/namespace.yaml': namespace(target),
    ...Object.fromEntries(
      ['mirror', 'orphan', 'keeping', 'resting', 'forced', 'waiting'].map((name) => [
        `${name}/map.yaml`,
        configMap(target, name, { a: '1' }),
      ]),
    ),
    'waiting/cart.yaml': deployment(target, 'cart'),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('base');
  await world.applied('base', revision);
});
afterAll(() => world.close());

const gone = (object: KubeObject | null): boolean => object === null;

async function deleted(name: string, spec: Record<string, unknown>): Promise<KubeObject | null> {
  await world.kustomization(name, spec);
  await world.applied(name, revision);
  await world.cluster.delete(world.unitKey(name));
  await world.until(world.unitKey(name), 'go', gone);
  return world.get(configMapKey(world.target, name));
}

test('with a Kustomization go its objects', async () => {
  expect(await deleted('mirror', {})).toBeNull();
});

test('a Kustomization that does not prune leaves them', async () => {
  expect(await deleted('keeping', { prune: false })).not.toBeNull();
});

test('deletionPolicy Delete takes them even so', async () => {
  expect(await deleted('forced', { prune: false, deletionPolicy: 'Delete' })).toBeNull();
});

test('deletionPolicy Orphan leaves them', async () => {
  expect(await deleted('orphan', { deletionPolicy: 'Orphan' })).not.toBeNull();
});

test('deletionPolicy WaitForTermination lets it go after its objects', async () => {
  expect(await deleted('waiting', { deletionPolicy: 'WaitForTermination', wait: true })).toBeNull();
  expect(await world.get(deploymentKey(world.target, 'cart'))).toBeNull();
});

test('a suspended Kustomization leaves them', async () => {
  await world.kustomization('resting');
  await world.applied('resting', revision);
  await world.suspend('resting', true);
  await world.cluster.delete(world.unitKey('resting'));
  await world.until(world.unitKey('resting'), 'go', gone);
  expect(await world.get(configMapKey(world.target, 'resting'))).not.toBeNull();
});

test('a Kustomization made anew under an old name takes its objects up again', async () => {
  expect(await deleted('orphan', { deletionPolicy: 'Orphan' })).not.toBeNull();
  await world.kustomization('orphan');
  const unit = await world.applied('orphan', revision);
  expect(unit.status?.inventory?.entries.map(({ id }) => id)).toEqual([`${world.target}_orphan__ConfigMap`]);
});

test('a GitRepository goes, its units say so and keep what runs', async () => {
  await world.cluster.delete(world.sourceKey());
  await world.until(world.sourceKey(), 'go', gone);
  await world.request(world.unitKey('base'));
  const unit = await world.conditionIs(world.unitKey('base'), 'Ready', 'False', 'ArtifactFailed');
  expect(unit['status']).toMatchObject({
    lastAppliedRevision: revision,
    conditions: expect.arrayContaining([expect.objectContaining({ message: "Source 'GitRepository/shop' not found" })]),
  });
  expect(await world.get(configMapKey(world.target, 'orphan'))).not.toBeNull();
});

test('its units are deleted cleanly without it, and come back with it', async () => {
  await world.cluster.delete(world.unitKey('orphan'));
  await world.until(world.unitKey('orphan'), 'go', gone);
  expect(await world.get(configMapKey(world.target, 'orphan'))).toBeNull();
  await world.gitRepository();
  await world.applied('base', revision);
  expect(await world.problems()).toEqual([]);
});
