import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, deployment, namespace } from './support/manifests.ts';
import { configMapKey, deploymentKey, namespaceKey, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world.stopAgent();
  await world.cluster.delete(namespaceKey(`${world.target}-b`));
  await world.close();
});

test('every managed namespace wiped by hand is rebuilt, whoever declared it', async () => {
  const { target } = world;
  const second = `${target}-b`;
  const maps = Array.from({ length: 20 }, (_, index) => `map-${index}`);
  const commit = await world.repository.commit({
    'base/first.yaml': namespace(target),
    'base/second.yaml': namespace(second),
    'apps/maps.yaml': maps.map((name) => configMap(target, name, { a: '1' })).join('---\n'),
    'apps/cart.yaml': deployment(target, 'cart', { replicas: 2 }),
    'more/namespace-too.yaml': configMap(second, 'settings', { a: '1' }),
    'more/checkout.yaml': deployment(second, 'checkout'),
  });
  const revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('base', { wait: true });
  await world.kustomization('apps', { wait: true, dependsOn: [{ name: 'base' }] });
  await world.kustomization('more', { wait: true, dependsOn: [{ name: 'base' }] });
  await world.applied('apps', revision);
  await world.applied('more', revision);
  const uid = async (name: string): Promise<string | undefined> => (await world.get(namespaceKey(name)))?.metadata.uid;
  const before = [await uid(target), await uid(second)];

  const began = performance.now();
  await world.cluster.delete(namespaceKey(target));
  await world.cluster.delete(namespaceKey(second));
  for (const [index, name] of [target, second].entries()) {
    await world.until(
      namespaceKey(name),
      'be another one',
      (object) => object !== null && object.metadata.uid !== before[index],
      120_000,
    );
  }
  const ready = (object: unknown): number =>
    (object as { status?: { readyReplicas?: number } } | null)?.status?.readyReplicas ?? 0;
  await world.until(deploymentKey(target, 'cart'), 'have two ready pods', (object) => ready(object) === 2, 120_000);
  await world.until(deploymentKey(second, 'checkout'), 'have a ready pod', (object) => ready(object) === 1, 120_000);
  for (const name of maps) await world.until(configMapKey(target, name), 'be back', (object) => object !== null);
  await world.until(configMapKey(second, 'settings'), 'be back', (object) => object !== null);
  for (const name of ['base', 'apps', 'more']) await world.applied(name, revision);
  expect(performance.now() - began).toBeLessThan(120_000);
  expect(await world.problems()).toEqual([]);
});
