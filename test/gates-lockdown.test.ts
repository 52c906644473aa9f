import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, lockdown, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;
let dir: string;
let oncall: Person;
let alice: Person;

const HOUR = 3_600_000;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  oncall = await Person.named('oncall', ['system:masters'], { dir });
  alice = await Person.named('alice', ['sre'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const commit = await world.repository.commit({ 'apps/settings.yaml': configMap(target, 'settings', { a: '1' }) });
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
});

afterAll(async () => {
  for (const { cluster } of [oncall, alice]) await cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const soon = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;
const settings = (a: string): Record<string, string> => ({
  'apps/settings.yaml': configMap(world.target, 'settings', { a }),
});

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

test('a lockdown stops what is new, and what runs is still put right', async () => {
  const release = await lockdown(world, oncall, { reason: 'the database is on fire', until: soon(HOUR) });
  const revision = await world.push(settings('2'));
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'Gated');
  expect(condition(unit, 'Ready')?.message).toMatch(
    /^waits for the end of lockdown \S+ by oncall \(the database is on fire\), \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ at the latest$/,
  );
  await world.edit(configMapKey(world.target, 'settings'), { data: { a: 'by hand' } });
  await world.until(configMapKey(world.target, 'settings'), 'be put right', (object) => {
    return (object?.['data'] as { a?: string } | undefined)?.a === '1';
  });
  await release();
  await world.applied('apps', revision);
});

test('a lockdown beats approvals that were given', async () => {
  const one = { name: 'one', count: 1, groups: ['sre'] };
  await policy(world, 'one', { approvals: [one, { name: 'other', count: 1, users: ['oncall'] }] });
  const revision = await world.push(settings('3'));
  const change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  await alice.says('Approve', change);
  await changeOf(world, 'apps', 'wait for the other one', ({ spec, status }) => {
    return spec.revision === revision && status?.message === 'waits for 1 approval by user oncall';
  });
  const release = await lockdown(world, oncall, { reason: 'audit', until: soon(HOUR) });
  await oncall.says('Approve', change, { groups: ['system:masters', 'system:authenticated'] });
  await world.judgedAnew('apps');
  const held = await changeOf(world, 'apps', 'be approved, and wait for the lockdown alone', ({ spec, status }) => {
    const met = status?.requirements?.filter(({ verdict }) => verdict === 'Met').map(({ rule }) => rule) ?? [];
    return spec.revision === revision && met.includes('approvals/one') && met.includes('approvals/other');
  });
  expect(held.status?.phase).toBe('Pending');
  expect(held.status?.message).toMatch(/^waits for the end of lockdown/);
  expect(await value()).toBe('2');
  await release();
  await world.applied('apps', revision);
  await policy(world, 'one', { approvals: [one] });
});

test('a lockdown ends by itself', async () => {
  await lockdown(world, oncall, { reason: 'a short one', until: soon(20_000) });
  const revision = await world.push(settings('4'));
  const change = await changeOf(world, 'apps', 'wait for it', ({ spec, status }) => {
    return spec.revision === revision && /^waits for the end of lockdown .*a short one/.test(status?.message ?? '');
  });
  await alice.says('Approve', change);
  await world.applied('apps', revision);
});

test('a lockdown may ask for approvals instead of stopping all', async () => {
  const approvals = [{ name: 'incident', count: 1, users: ['oncall'] }];
  const release = await lockdown(world, oncall, { reason: 'incident', until: soon(HOUR), approvals });
  const revision = await world.push(settings('5'));
  const change = await changeOf(world, 'apps', 'wait', (one) => one.spec.revision === revision);
  await alice.says('Approve', change);
  await changeOf(world, 'apps', 'wait for the incident', ({ spec, status }) => {
    return spec.revision === revision && status?.message === 'waits for 1 approval by user oncall';
  });
  await oncall.says('Approve', change, { groups: ['system:masters', 'system:authenticated'] });
  await world.applied('apps', revision);
  await release();
});

test('a lockdown may add checks instead of stopping all: what passes them goes on, what does not is refused', async () => {
  const checks = [
    { name: 'no-debug', expression: "!has(object.data) || !('debug' in object.data)", message: 'turns debugging on' },
  ];
  const release = await lockdown(world, oncall, { reason: 'incident', until: soon(HOUR), checks });
  const refused = await world.push({
    'apps/settings.yaml': configMap(world.target, 'settings', { a: '6', debug: 'yes' }),
  });
  const change = await changeOf(world, 'apps', 'be refused', (one) => {
    return one.spec.revision === refused && inPhase('Rejected')(one);
  });
  expect(change.status?.message).toMatch(
    /^refused by checks\/no-debug in Lockdown\/\S+: ConfigMap\/\S+\/settings: turns debugging on; waits for 1 approval/,
  );
  await alice.says('Approve', change);
  const passing = await world.push(settings('6'));
  await alice.says('Approve', await changeOf(world, 'apps', 'wait', (one) => one.spec.revision === passing));
  await world.applied('apps', passing);
  await release();
});

test('nobody locks down in the name of somebody else', async () => {
  await expect(lockdown(world, oncall, { reason: 'x', until: soon(HOUR), by: 'alice' })).rejects.toMatchObject({
    code: 'api-forbidden',
    message: expect.stringContaining('spec.by must be the user that makes or changes the lockdown') as string,
  });
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
