import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { KubeObject } from '@plumb/api';
import { OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { configMapKey, statusOf, World } from './support/world.ts';

const COUNT = 300;
const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };
const names = Array.from({ length: COUNT }, (_, index) => `map-${String(index).padStart(3, '0')}`);

let world: World;
let running: ChildProcess | null = null;

async function kill(child: ChildProcess): Promise<void> {
  running = null;
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

beforeAll(async () => {
  world = await World.start({ agent: false });
});
afterEach(async () => {
  if (running !== null) await kill(running);
});
afterAll(() => world.close());

async function managed(): Promise<Map<string, KubeObject>> {
  const labelSelector = `${OWNER_NAME_LABEL}=apps,${OWNER_NAMESPACE_LABEL}=${world.namespace}`;
  const { items } = await world.cluster.list(CONFIG_MAP, { namespace: world.target, labelSelector });
  return new Map(items.map((object) => [object.metadata.name, object]));
}

/** Resolves when this many managed objects are there. */
async function thereAre(count: number): Promise<void> {
  const seen = new Set<string>();
  const selection = { namespace: world.target, labelSelector: OWNER_NAME_LABEL };
  const list = await world.cluster.list(CONFIG_MAP, selection);
  for (const object of list.items) seen.add(object.metadata.name);
  if (seen.size >= count) return;
  const signal = AbortSignal.timeout(20_000);
  for await (const event of world.cluster.watch(CONFIG_MAP, {
    ...selection,
    resourceVersion: list.resourceVersion,
    signal,
  })) {
    if (event.type === 'added') seen.add(event.object.metadata.name);
    if (seen.size >= count) return;
  }
}

test('an agent killed while it applies has its inventory written for all it made, and the next one ends the work', async () => {
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const stranger = await world.cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'stranger', namespace: target },
    data: { mine: 'yes' },
  });
  const maps = Object.fromEntries(names.map((name) => [`apps/${name}.yaml`, configMap(target, name, { index: name })]));
  const commit = await world.repository.commit({ 'apps/namespace.yaml': namespace(target), ...maps });
  await world.gitRepository();
  await world.kustomization('apps');

  running = await world.spawnAgent({ applies: 1 });
  await thereAre(3);
  await kill(running);
  const made = await managed();
  expect(made.size).toBeGreaterThanOrEqual(3);
  expect(made.size).toBeLessThan(COUNT);
  const unit = await world.get(world.unitKey('apps'));
  const entries = statusOf(unit).inventory?.entries.map(({ id }) => id) ?? [];
  for (const name of made.keys()) expect(entries).toContain(`${target}_${name}__ConfigMap`);

  running = await world.spawnAgent();
  await world.applied('apps', `main@sha1:${commit}`);
  const now = await managed();
  expect([...now.keys()].toSorted()).toEqual(names);
  for (const [name, object] of made) {
    expect(now.get(name)?.metadata).toMatchObject({
      uid: object.metadata.uid,
      resourceVersion: object.metadata.resourceVersion,
    });
  }
  expect((await world.get(configMapKey(target, 'stranger')))?.metadata.resourceVersion).toBe(
    stranger.metadata.resourceVersion,
  );
});

test('started anew with everything in place it writes to no managed object', async () => {
  const before = await managed();
  const token = await world.request(world.unitKey('apps'));
  running = await world.spawnAgent();
  await world.until(world.unitKey('apps'), 'answer', (unit) => statusOf(unit).lastHandledReconcileAt === token);
  const after = await managed();
  expect(after.size).toBe(COUNT);
  for (const [name, object] of after)
    expect(object.metadata.resourceVersion).toBe(before.get(name)?.metadata.resourceVersion);
  expect(await world.problems()).toEqual([]);
});

test('what was broken while no agent ran is put right by the next', async () => {
  const { target } = world;
  await world.edit(configMapKey(target, 'map-000'), { data: { index: 'changed' } });
  await world.cluster.delete(configMapKey(target, 'map-001'));
  running = await world.spawnAgent();
  await world.until(configMapKey(target, 'map-000'), 'be as declared', (object) => {
    return (object?.['data'] as { index: string } | undefined)?.index === 'map-000';
  });
  await world.until(configMapKey(target, 'map-001'), 'be back', (object) => object !== null);
});

test('an agent killed while it prunes has lost nothing it still has to delete', async () => {
  const { target } = world;
  const kept = names.slice(0, 5);
  const gone = Object.fromEntries(names.slice(5).map((name) => [`apps/${name}.yaml`, null]));
  const commit = await world.repository.commit(gone);
  await world.requestSource();
  running = await world.spawnAgent({ applies: 2 });
  // Those of one kind go together, so many at a time: the kill comes while most are still there.
  await world.until(configMapKey(target, 'map-290'), 'be gone', (object) => object === null);
  await kill(running);
  const left = await managed();
  expect(left.size).toBeGreaterThan(kept.length);
  const known = statusOf(await world.get(world.unitKey('apps'))).inventory?.entries.map(({ id }) => id) ?? [];
  for (const name of left.keys()) expect(known).toContain(`${target}_${name}__ConfigMap`);

  running = await world.spawnAgent();
  const unit = await world.applied('apps', `main@sha1:${commit}`);
  expect([...(await managed()).keys()].toSorted()).toEqual(kept);
  expect(unit.status?.inventory?.entries.map(({ id }) => id)).toEqual([
    `_${target}__Namespace`,
    ...kept.map((name) => `${target}_${name}__ConfigMap`),
  ]);
  expect(await world.get(configMapKey(target, 'stranger'))).not.toBeNull();
  expect(await world.problems()).toEqual([]);
});
