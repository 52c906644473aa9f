import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, KubeObject } from '@plumb/api';
import { healthOf } from '@plumb/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let world: World;
let dir: string;
let commit: string;
let alice: Person;
let bob: Person;
let mallory: Person;

const TWO = { approvals: [{ name: 'two', count: 2, groups: ['sre'] }] };

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  bob = await Person.named('bob', ['sre'], { dir });
  mallory = await Person.named('mallory', ['shop'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  commit = await world.repository.commit({ 'apps/settings.yaml': configMap(target, 'settings', { a: '1' }) });
  await world.gitRepository();
});

afterAll(async () => {
  for (const { cluster } of [alice, bob, mallory]) await cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

let first: string;

test('a unit that no policy selects is applied as before', async () => {
  first = `main@sha1:${commit}`;
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', first);
  expect(await value()).toBe('1');
});

let second: string;
let change: Change;

test('a change that needs approvals is held, and says what it waits for', async () => {
  await policy(world, 'two-people', TWO);
  second = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '2' }) });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'Gated');
  expect(condition(unit, 'Ready')?.message).toBe('waits for 2 approvals by group sre');
  expect(condition(unit, 'Reconciling')).toMatchObject({ status: 'True' });
  // As kstatus reads it: whoever waits for the unit goes on waiting.
  expect(healthOf(unit as KubeObject).status).toBe('InProgress');
  expect(statusOf(unit)).toMatchObject({ lastAppliedRevision: first, lastAttemptedRevision: second });
  expect(await value()).toBe('1');
  change = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  expect(change.spec).toMatchObject({
    cause: 'routine',
    revision: second,
    cluster: 'own',
    authors: [{ email: 'test@localhost' }],
  });
  expect(change.status).toMatchObject({
    message: 'waits for 2 approvals by group sre',
    counts: { create: 0, change: 1, delete: 0 },
    objects: [{ object: `ConfigMap/${world.target}/settings`, action: 'change' }],
    requirements: [
      { policy: `ReleasePolicy/${world.namespace}/two-people`, rule: 'approvals/two', verdict: 'Missing' },
    ],
  });
});

test('what runs is kept as it was approved last while a change is held', async () => {
  await world.edit(configMapKey(world.target, 'settings'), { data: { a: 'by hand' } });
  await world.until(configMapKey(world.target, 'settings'), 'be put right', (object) => {
    return (object?.['data'] as { a?: string } | undefined)?.a === '1';
  });
  expect((await changeOf(world, 'apps', 'be the same', inPhase('Pending'))).spec.digest).toBe(change.spec.digest);
});

test('the API server takes no approval in the name of somebody else, and none with groups of others', async () => {
  await expect(mallory.says('Approve', change, { by: 'alice' })).rejects.toMatchObject({
    code: 'api-forbidden',
    message: expect.stringContaining('nobody approves in the name of somebody else') as string,
  });
  await expect(mallory.says('Approve', change, { groups: ['sre', 'system:authenticated'] })).rejects.toMatchObject({
    message: expect.stringContaining('spec.groups must be the groups of the user') as string,
  });
});

test('an approval cannot be changed', async () => {
  const made = await mallory.says('Approve', change);
  const key = {
    group: 'plumb.dev',
    version: 'v1',
    kind: 'Approval',
    namespace: world.namespace,
    name: made.metadata.name,
  };
  await expect(mallory.cluster.patch(key, { spec: { digest: 'other' } }, { type: 'merge' })).rejects.toMatchObject({
    message: expect.stringContaining('an approval cannot be changed') as string,
  });
});

test('one person who approves twice is one, and whoever is in no group that counts is none', async () => {
  await alice.says('Approve', change);
  await alice.says('Approve', change);
  await changeOf(world, 'apps', 'wait for one more', ({ status }) => {
    return status?.message === 'waits for 1 more approval by group sre';
  });
  expect(await value()).toBe('1');
});

test('with the last approval the change is applied, and the record says by whom', async () => {
  await bob.says('Approve', change);
  await world.applied('apps', second);
  expect(await value()).toBe('2');
  const done = await changeOf(world, 'apps', 'be applied', inPhase('Applied'));
  const evidence = done.status?.requirements?.find(({ rule }) => rule === 'approvals/two')?.evidence ?? [];
  const people = evidence.map((text) => text.replace(/Approval\/\S+ (by \w+) .*/, '$1'));
  expect(people.toSorted()).toEqual(['by alice', 'by bob']);
  expect(done.status?.decidedAt).toBeDefined();
});

test('an approval counts for no other commit: a new one supersedes the change', async () => {
  const third = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '3' }) });
  const held = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  expect(held.spec.revision).toBe(third);
  await alice.says('Approve', held);
  await bob.says('Approve', held, { digest: change.spec.digest });
  await world.judgedAnew('apps');
  await changeOf(world, 'apps', 'wait for one more', ({ status }) => {
    return status?.message === 'waits for 1 more approval by group sre';
  });
  const fourth = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '4' }) });
  await changeOf(world, 'apps', 'be superseded', (one) => {
    return one.spec.digest === held.spec.digest && one.status?.phase === 'Superseded';
  });
  change = await changeOf(world, 'apps', 'wait', (one) => one.spec.revision === fourth && inPhase('Pending')(one));
  expect(await value()).toBe('2');
});

test('a change that somebody rejects is not applied, whoever approves it, until the rejection is taken back', async () => {
  const rejection = await alice.says('Reject', change, { comment: 'not today' });
  await bob.says('Approve', change);
  await alice.says('Approve', change);
  const unit = await world.until(world.unitKey('apps'), 'say who rejected it', (object) => {
    return condition(object, 'Ready')?.message === 'refused: alice rejected it';
  });
  expect(condition(unit, 'Ready')?.reason).toBe('Gated');
  await changeOf(world, 'apps', 'be rejected', inPhase('Rejected'));
  expect(await value()).toBe('2');
  const { metadata } = rejection;
  const key = { group: 'plumb.dev', version: 'v1', kind: 'Approval', namespace: world.namespace, name: metadata.name };
  await world.cluster.delete(key);
  await world.applied('apps', change.spec.revision);
  expect(await value()).toBe('4');
});

test('a change is of the past when what is declared goes back to what runs', async () => {
  await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: 'never' }) });
  const held = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  const back = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '4' }) });
  await changeOf(world, 'apps', 'be superseded', (one) => {
    return one.spec.digest === held.spec.digest && one.status?.phase === 'Superseded';
  });
  await world.applied('apps', back);
  expect(await value()).toBe('4');
});

test('a policy that is deleted opens nothing that it held: somebody has to say so', async () => {
  const fifth = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a: '5' }) });
  change = await changeOf(world, 'apps', 'wait', (one) => one.spec.revision === fifth && inPhase('Pending')(one));
  const name = `ReleasePolicy/${world.namespace}/two-people`;
  await world.cluster.delete({
    group: 'plumb.dev',
    version: 'v1',
    kind: 'ReleasePolicy',
    namespace: world.namespace,
    name: 'two-people',
  });
  await changeOf(world, 'apps', 'say what is missing', ({ status }) => {
    return status?.message === `waits for an approval, for ${name} held it and was deleted`;
  });
  expect(await value()).toBe('4');
  await alice.says('Approve', change);
  await world.applied('apps', fifth);
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
