import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHANGE, type Change } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
let dir: string;
let alice: Person;

const rule = (count: number) => ({ approvals: [{ name: 'sre', count, groups: ['sre'] }] });

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const commit = await world.repository.commit(settings('1'));
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
});

afterAll(async () => {
  await alice.cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const settings = (a: string): Record<string, string> => ({
  'apps/settings.yaml': configMap(world.target, 'settings', { a }),
});
const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

async function held(a: string): Promise<{ revision: string; change: Change }> {
  const revision = await world.push(settings(a));
  const change = await changeOf(world, 'apps', 'wait', (one) => {
    return one.spec.revision === revision && inPhase('Pending')(one);
  });
  return { revision, change };
}
const edited = ({ status }: Change): string | undefined =>
  status?.requirements?.find((one) => one.rule === 'edited')?.message;

test('a policy that loses the rule that held opens nothing: somebody has to say so', async () => {
  await policy(world, 'p', rule(2));
  const { revision, change } = await held('2');
  await alice.says('Approve', change);
  await changeOf(world, 'apps', 'wait for one more', ({ status }) => {
    return status?.message === 'waits for 1 more approval by group sre';
  });
  await policy(world, 'p', { select: { kinds: ['Kustomization'] } });
  const name = `ReleasePolicy/${world.namespace}/p`;
  await changeOf(world, 'apps', 'say what is missing', ({ status }) => {
    return status?.message === `waits for an approval, for ${name} held it by approvals/sre and was edited`;
  });
  expect(await value()).toBe('1');
  await alice.says('Approve', change);
  await world.applied('apps', revision);
  const done = await changeOf(world, 'apps', 'be applied', inPhase('Applied'));
  expect(edited(done)).toBe('let go by an approval');
});

test('a policy that is worded otherwise lets pass what it says now, and that is recorded and told', async () => {
  const { metadata } = await policy(world, 'p', rule(2));
  const { revision, change } = await held('3');
  await alice.says('Approve', change);
  await policy(world, 'p', rule(1));
  await world.applied('apps', revision);
  const done = await changeOf(world, 'apps', 'be applied', (one) => {
    return one.spec.digest === change.spec.digest && inPhase('Applied')(one);
  });
  const { generation = 0 } = metadata;
  const words = `held by generation ${generation}, passed by generation ${generation + 1}`;
  expect(edited(done)).toBe(words);
  const told = await world.event(world.unitKey('apps'), 'PolicyWarning', (message) => message.includes(words));
  expect(told).toContain(`held by a policy that was edited since: ReleasePolicy/${world.namespace}/p: ${words}`);
});

test('the changes of a unit go with it, that of its deletion not before it was approved', async () => {
  await world.cluster.delete(world.unitKey('apps'), { propagationPolicy: 'Foreground' });
  const change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  expect(change.spec.cause).toBe('prune');
  // What garbage collection takes before its finalizer is gone is up to its workers' order, for nothing here blocks the owner.
  await world.until(world.unitKey('apps'), 'be done with what it owns', (object) => {
    return object?.metadata.finalizers?.includes('foregroundDeletion') === false;
  });
  const names = async (): Promise<string[]> => {
    const { items } = await world.cluster.list(CHANGE, { namespace: world.namespace });
    return items.map(({ metadata }) => metadata.name);
  };
  expect(await names()).toContain(change.metadata.name);
  await alice.says('Approve', change);
  await world.until(world.unitKey('apps'), 'be gone', (object) => object === null);
  await expect.poll(names, { timeout: 90_000 }).toEqual([]);
  // Garbage collection looks for kinds that are new to it every half minute.
}, 240_000);

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
