import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChaosProxy } from '@plumb/testkit';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { changeOf, inPhase, installGates, lockdown, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' } as const;
const HOUR = 3_600_000;
const MANY = 24;

let world: World;
let dir: string;
let proxy: ChaosProxy;
let oncall: Person;
let alice: Person;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  dir = await mkdtemp(join(tmpdir(), 'plumb-under-way-'));
  proxy = await ChaosProxy.start({ kubeconfig: inject('kubeconfig'), dir, seed: 11 });
  await world.startAgent({ gates: true, concurrentApplies: 1, connect: { kubeconfig: proxy.kubeconfig } });
  oncall = await Person.named('oncall', ['system:masters'], { dir });
  alice = await Person.named('alice', ['sre'], { dir });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  await world.gitRepository();
  await policy(world, 'one', { approvals: [{ name: 'one', count: 1, groups: ['sre'] }] });
});

afterAll(async () => {
  for (const { cluster } of [oncall, alice]) await cluster.close();
  await world.close();
  await proxy.close();
  await rm(dir, { recursive: true, force: true });
});

const names = Array.from({ length: MANY }, (_, index) => `part-${String(index).padStart(2, '0')}`);

/** How many of the parts are there. */
async function made(): Promise<number> {
  const { items } = await world.cluster.list(CONFIG_MAP, { namespace: world.target });
  return items.filter(({ metadata }) => names.includes(metadata.name)).length;
}

test('G6: a lockdown during an apply stops what is not applied yet, approved or not, and its end lets it go on', async () => {
  const files = names.map((name) => [`apps/${name}.yaml`, configMap(world.target, name, { a: '1' })] as const);
  const revision = await world.push(Object.fromEntries(files));
  await world.kustomization('apps', { retryInterval: '1h' });
  const change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  // From now on each answer takes a while.
  proxy.set({ delay: 1 });
  await alice.says('Approve', change);
  await world.until(configMapKey(world.target, 'part-00'), 'be made', (object) => object !== null, 60_000);
  const until = `${new Date(Date.now() + HOUR).toISOString().slice(0, 19)}Z`;
  const release = await lockdown(world, oncall, { reason: 'incident', until });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'Gated');
  expect(condition(unit, 'Ready')?.message).toMatch(/^waits for the end of lockdown \S+ by oncall \(incident\)/);
  const stopped = await made();
  expect(stopped).toBeLessThan(MANY);
  const held = await changeOf(world, 'apps', 'be held', inPhase('Pending'));
  expect(held.status?.requirements).toMatchObject([
    { rule: 'freeze', verdict: 'Missing' },
    { rule: 'approvals/one', verdict: 'Met' },
  ]);
  proxy.set({});
  await world.request(world.unitKey('apps'));
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'Gated');
  expect(await made()).toBe(stopped);
  await release();
  await world.applied('apps', revision);
  expect(await made()).toBe(MANY);
  await changeOf(world, 'apps', 'be applied', inPhase('Applied'));
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
