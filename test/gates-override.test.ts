import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHANGE, RELEASE_POLICY } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

let world: World;
let dir: string;
let alice: Person;
let carol: Person;
let mia: Person;

/** A day on which the window is closed, whenever this runs. */
const yesterday = new Date(Date.now() - 48 * 3_600_000).getUTCDate();
const CLOSED = { type: 'Allow', timeZone: 'UTC', cron: `0 0 ${yesterday} * *`, duration: '1h' };

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  carol = await Person.named('carol', ['oncall'], { dir });
  mia = await Person.named('mia', ['managers'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.gitRepository();
  await policy(world, 'strict', {
    select: { names: ['apps'] },
    approvals: [{ name: 'two', count: 2, groups: ['sre'] }],
    windows: [CLOSED],
    checks: [{ name: 'no-secret', expression: "object.data.?a.orValue('') != 'secret'", message: 'holds a secret' }],
    breakGlass: { groups: ['oncall'], expiry: '1h' },
  });
  await world.repository.commit({ 'apps/settings.yaml': configMap(target, 'settings', { a: '1' }) });
  await world.kustomization('apps', { retryInterval: '1h' });
});

afterAll(async () => {
  for (const { cluster } of [alice, carol, mia]) await cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

test('a change waits for people and for the window', async () => {
  await world.until(world.unitKey('apps'), 'say what it waits for', (object) => {
    const message = condition(object, 'Ready')?.message ?? '';
    return /^waits for 2 approvals by group sre, and for the window cron .* for 1h, UTC, opens \S+Z$/.test(message);
  });
});

test('who is not named cannot break the glass', async () => {
  const change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  await alice.says('Approve', change, { override: { reason: 'I am in a hurry' } });
  await alice.says('Approve', change);
  await world.until(world.unitKey('apps'), 'wait for one more', (object) => {
    return condition(object, 'Ready')?.message.startsWith('waits for 1 more approval by group sre, and for') === true;
  });
});

test('who is named breaks it with a reason, loudly, and it is on record', async () => {
  const change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  await carol.says('Approve', change, { override: { reason: 'the shop is down' } });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  expect(await world.get(configMapKey(world.target, 'settings'))).toMatchObject({ data: { a: '1' } });
  const told = await world.event(world.unitKey('apps'), 'GateOverridden');
  const id = `ReleasePolicy/${world.namespace}/strict`;
  expect(told).toMatch(/^ks-apps-\w+, of the cause emergency, passes by an override: /);
  expect(told).toContain(`approvals/two in ${id} overridden by carol: the shop is down`);
  expect(told).toContain(`windows in ${id} overridden by carol: the shop is down`);
  const done = await changeOf(world, 'apps', 'be applied', inPhase('Applied'));
  expect(done.spec.cause).toBe('emergency');
  const verdicts = done.status?.requirements?.map(({ rule, verdict }) => [rule, verdict]);
  expect(verdicts).toEqual([
    ['checks/no-secret', 'Met'],
    ['approvals/two', 'Overridden'],
    ['windows', 'Overridden'],
  ]);
  expect(world.agent.metrics.total('plumb_gate_overrides_total')).toBe(1);
});

test('what is asked of emergencies by name no override skips', async () => {
  await policy(world, 'managed', {
    select: { names: ['managed'] },
    approvals: [
      { name: 'two', count: 2, groups: ['sre'] },
      { name: 'manager', count: 1, groups: ['managers'], causes: ['emergency'] },
    ],
    windows: [{ ...CLOSED, causes: ['routine'] }],
    breakGlass: { groups: ['oncall'], expiry: '1h' },
  });
  const revision = await world.push({ 'managed/a.yaml': configMap(world.target, 'managed', { a: '1' }) });
  await world.kustomization('managed', { retryInterval: '1h' });
  const change = await changeOf(world, 'managed', 'wait', inPhase('Pending'));
  expect(change).toMatchObject({
    spec: { cause: 'routine' },
    status: { message: expect.not.stringContaining('managers') as string },
  });
  await carol.says('Approve', change, { override: { reason: 'the shop is down' } });
  await changeOf(world, 'managed', 'wait for a manager', ({ spec, status }) => {
    return spec.cause === 'emergency' && status?.message === 'waits for 1 approval by group managers';
  });
  expect(await world.get(configMapKey(world.target, 'managed'))).toBeNull();
  await mia.says('Approve', change);
  await world.applied('managed', revision);
  const done = await changeOf(world, 'managed', 'be applied', inPhase('Applied'));
  expect(done.spec.cause).toBe('emergency');
  const verdicts = done.status?.requirements?.map(({ rule, verdict }) => [rule, verdict]);
  expect(verdicts).toEqual([
    ['approvals/two', 'Overridden'],
    ['approvals/manager', 'Met'],
    ['windows', 'Overridden'],
  ]);
});

test('no override skips a check', async () => {
  await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: 'secret' }) });
  const change = await changeOf(world, 'apps', 'be refused', inPhase('Rejected'));
  await carol.says('Approve', change, { override: { reason: 'the shop is down' } });
  await changeOf(world, 'apps', 'be refused by the check alone', ({ status }) => {
    return (
      status?.message ===
      `refused by checks/no-secret in ReleasePolicy/${world.namespace}/strict: ConfigMap/${world.target}/settings: holds a secret`
    );
  });
  expect(await world.get({ ...CHANGE, namespace: world.namespace, name: change.metadata.name })).not.toBeNull();
  expect(await world.get(configMapKey(world.target, 'settings'))).toMatchObject({ data: { a: '1' } });
});

test('the status of a policy says whether it can be judged by, and what is wrong', async () => {
  const key = (name: string) => ({ ...RELEASE_POLICY, namespace: world.namespace, name });
  await world.conditionIs(key('strict'), 'Ready', 'True', 'Succeeded');
  await policy(world, 'flawed', { select: { names: ['none'] }, forbid: [{ name: 'x', pattern: '(' }] });
  const forbid = await world.conditionIs(key('flawed'), 'Ready', 'False', 'InvalidSpec');
  expect(condition(forbid, 'Ready')?.message).toMatch(
    /^the policy is invalid, and holds all that it selects: forbid\[0\]: \( is no pattern of RE2/,
  );
  await policy(world, 'odd', { select: { names: ['none'] }, checks: [{ name: 'odd', expression: 'object.' }] });
  const odd = await world.conditionIs(key('odd'), 'Ready', 'False', 'InvalidSpec');
  expect(condition(odd, 'Ready')?.message).toContain('checks/odd: ');
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
