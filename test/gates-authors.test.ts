import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APPROVAL, type Change } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
let dir: string;
let alice: Person;
let bob: Person;
let carol: Person;

const ALICE = 'Alice Liddell <alice@example.test>';
const BOB = 'Bob <bob@example.test>';
const EVE = 'Eve <eve@example.test>';
const PEOPLE = {
  alice: `user: alice\ngit: ${ALICE}\n`,
  bob: `user: bob\ngit: ${BOB}\n`,
};
const NOBODY_ELSE = 'waits for 1 more approval by group sre (that of an author does not count)';

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  bob = await Person.named('bob', ['sre'], { dir });
  carol = await Person.named('carol', ['sre'], { dir });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  const commit = await world.repository.commit({ ...settings('1'), ...listed('a.yaml'), ...fleet('1') });
  await world.gitRepository();
  for (const name of ['apps', 'listed', 'fleet']) {
    await world.kustomization(name, { retryInterval: '1h' });
    await world.applied(name, `main@sha1:${commit}`);
  }
  await world.applied('child', `main@sha1:${commit}`);
  const metadata = { name: 'people', namespace: world.namespace };
  await world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: PEOPLE });
  await policy(world, 'peers', {
    approvals: [{ name: 'peer', groups: ['sre'], notAuthor: true }],
    identitiesRef: { name: 'people' },
  });
});

afterAll(async () => {
  for (const { cluster } of [alice, bob, carol]) await cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const settings = (a: string): Record<string, string> => {
  return { 'apps/settings.yaml': configMap(world.target, 'settings', { a }) };
};

/** A unit that brings another one, which sets a label of its objects. */
const fleet = (label: string): Record<string, string> => ({
  'child/a.yaml': configMap(world.target, 'child', { a: '1' }),
  'fleet/child.yaml': `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: child
  namespace: ${world.namespace}
spec:
  interval: 1h
  retryInterval: 1h
  path: child
  prune: true
  sourceRef: { kind: GitRepository, name: shop }
  commonMetadata: { labels: { release: '${label}' } }
`,
});

/** A folder that is one unit: a kustomization that lists these. */
const listed = (...files: string[]): Record<string, string> => ({
  'listed/a.yaml': configMap(world.target, 'listed', { a: '1' }),
  'listed/kustomization.yaml': list(...files),
});
const list = (...files: string[]): string => {
  const resources = files.map((file) => `- ${file}\n`).join('');
  return `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n${resources}`;
};

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

const held = (revision: string): Promise<Change> => {
  return changeOf(world, 'apps', 'be held', (one) => one.spec.revision === revision && inPhase('Pending')(one));
};

const says = (revision: string, message: string): Promise<Change> => {
  return changeOf(world, 'apps', `say: ${message}`, ({ spec, status }) => {
    return spec.revision === revision && status?.message === message;
  });
};

test('G3: an author does not approve their own change, however they write their address', async () => {
  const revision = await world.push(settings('2'), 'Change', 'ALICE <Alice@EXAMPLE.test>');
  const change = await held(revision);
  expect(change.spec.authors).toEqual([{ name: 'ALICE', email: 'Alice@EXAMPLE.test' }]);
  expect(change.status?.message).toBe('waits for 1 approval by group sre');
  await alice.says('Approve', change);
  await says(revision, NOBODY_ELSE);
  expect(await value()).toBe('1');
  await bob.says('Approve', change);
  await world.applied('apps', revision);
  expect(await value()).toBe('2');
});

test('G3: a harmless commit of somebody else on top hides no author: neither of the two is enough', async () => {
  await world.repository.commit(settings('3'), 'Change', ALICE);
  await world.repository.commit({ 'README.md': 'more\n' }, 'Explain more', BOB);
  const revision = await world.push({ 'README.md': 'even more\n' }, 'Explain even more', BOB);
  const change = await held(revision);
  expect(change.spec.authors).toEqual([
    { name: 'Bob', email: 'bob@example.test' },
    { name: 'Alice Liddell', email: 'alice@example.test' },
  ]);
  const { metadata } = await alice.says('Approve', change);
  await says(revision, NOBODY_ELSE);
  await world.cluster.delete({ ...APPROVAL, namespace: world.namespace, name: metadata.name });
  await says(revision, 'waits for 1 approval by group sre');
  await bob.says('Approve', change);
  await says(revision, NOBODY_ELSE);
  expect(await value()).toBe('2');
  await carol.says('Approve', change);
  await world.applied('apps', revision);
  const done = await changeOf(world, 'apps', 'be applied', (one) => {
    return one.spec.revision === revision && inPhase('Applied')(one);
  });
  const evidence = done.status?.requirements?.find(({ rule }) => rule === 'approvals/peer')?.evidence ?? [];
  expect(evidence).toEqual([expect.stringContaining('by carol at') as string]);
});

test('G3: no status that somebody else wrote hides an author', async () => {
  const hers = await world.repository.commit(settings('3b'), 'Change', ALICE);
  const revision = await world.push({ 'README.md': 'more of it\n' }, 'Explain more', BOB);
  const change = await held(revision);
  const status = { lastAppliedRevision: `main@sha1:${hers}` };
  await world.cluster.patch(world.unitKey('apps'), { status }, { type: 'merge', subresource: 'status' });
  await alice.says('Approve', change);
  await says(revision, NOBODY_ELSE);
  await carol.says('Approve', change);
  await world.applied('apps', revision);
  expect(await value()).toBe('3b');
});

test('G3: whoever wrote what a commit of somebody else brings into force is an author', async () => {
  const evil = {
    'base/evil.yaml': configMap(world.target, 'evil', { a: '1' }),
    'base/kustomization.yaml': list('evil.yaml'),
  };
  await world.applied('listed', await world.push(evil, 'Add what nobody lists', ALICE));
  const revision = await world.push(listed('a.yaml', '../base'), 'List it', BOB);
  const ofListed = ({ spec, status }: Change): boolean => spec.revision === revision && status?.phase === 'Pending';
  const change = await changeOf(world, 'listed', 'be held', ofListed);
  expect(change.spec.authors.map(({ name }) => name)).toEqual(['Bob', 'Alice Liddell']);
  await alice.says('Approve', change);
  await changeOf(world, 'listed', 'count none of an author', (one) => {
    return ofListed(one) && one.status?.message === NOBODY_ELSE;
  });
  expect(await world.get(configMapKey(world.target, 'evil'))).toBeNull();
  await carol.says('Approve', change);
  await world.applied('listed', revision);
});

test('G3: whoever edits a unit in the cluster is known to nobody: that waits, and says what to do', async () => {
  const before = { spec: (await world.get(world.unitKey('listed')))?.['spec'] };
  await world.edit(world.unitKey('listed'), { spec: { commonMetadata: { labels: { by: 'alice' } } } });
  const change = await changeOf(world, 'listed', 'be held', ({ spec, status }) => {
    return spec.unit.name === 'listed' && status?.phase === 'Pending';
  });
  expect(change.status?.message).toBe(
    'waits for the authors of this revision to be known: spec.commonMetadata changed in the cluster, and nobody tells by whom: bring it by a commit, or break the glass',
  );
  await alice.says('Approve', change);
  await carol.says('Approve', change);
  await world.judgedAnew('listed');
  const { metadata } = (await world.get(configMapKey(world.target, 'listed'))) ?? {};
  expect(metadata?.labels).not.toHaveProperty('by');
  await world.edit(world.unitKey('listed'), { spec: { commonMetadata: null, ...(before.spec as object) } });
  await changeOf(world, 'listed', 'be of the past', (one) => {
    return one.metadata.name === change.metadata.name && inPhase('Superseded')(one);
  });
});

test('G3: a unit that another one brings is the work of whoever made the commits of that one', async () => {
  await world.repository.commit(fleet('2'), 'Change the unit', ALICE);
  const revision = await world.push({ 'README.md': 'of fleets\n' }, 'Explain fleets', BOB);
  const wait = (unit: string): Promise<Change> => {
    return changeOf(world, unit, 'be held', (one) => one.spec.revision === revision && inPhase('Pending')(one));
  };
  await carol.says('Approve', await wait('fleet'));
  await world.applied('fleet', revision);
  const change = await wait('child');
  expect(change.spec.authors.map(({ name }) => name)).toContain('Alice Liddell');
  await alice.says('Approve', change);
  await changeOf(world, 'child', 'count none of an author', (one) => {
    return one.metadata.name === change.metadata.name && one.status?.message === NOBODY_ELSE;
  });
  await carol.says('Approve', change);
  await changeOf(world, 'child', 'be applied', (one) => {
    return one.metadata.name === change.metadata.name && inPhase('Applied')(one);
  });
});

test('G3: a unit that a commit removes goes when somebody else than who made it approves', async () => {
  const files = { 'fleet/child.yaml': null, 'fleet/other.yaml': configMap(world.target, 'other', { a: '1' }) };
  const revision = await world.push(files, 'Remove the unit', ALICE);
  const isHeld = (one: Change): boolean => one.spec.cause === 'prune' && inPhase('Pending')(one);
  const ofFleet = await changeOf(world, 'fleet', 'be held', (one) => {
    return one.spec.revision === revision && inPhase('Pending')(one);
  });
  await carol.says('Approve', ofFleet);
  await world.applied('fleet', revision);
  const change = await changeOf(world, 'child', 'be held', (one) => {
    return isHeld(one) && one.spec.authors.some(({ name }) => name === 'Alice Liddell');
  });
  await alice.says('Approve', change);
  await changeOf(world, 'child', 'count none of an author', ({ metadata, status }) => {
    return metadata.name === change.metadata.name && status?.message === NOBODY_ELSE;
  });
  expect(await world.get(configMapKey(world.target, 'child'))).not.toBeNull();
  await carol.says('Approve', change);
  await world.until(world.unitKey('child'), 'go', (object) => object === null);
  expect(await world.get(configMapKey(world.target, 'child'))).toBeNull();
});

test('a change of somebody whom nobody knows waits, says so, and goes on once it is known who that is', async () => {
  const revision = await world.push(settings('4'), 'Change', EVE);
  const why = `waits for a user of the cluster for ${EVE}: ConfigMap ${world.namespace}/people names none`;
  const change = await says(revision, why);
  await carol.says('Approve', change);
  await world.judgedAnew('apps');
  await says(revision, why);
  expect(await value()).toBe('3b');
  await world.edit(configMapKey(world.namespace, 'people'), { data: { eve: 'user: eve\ngit: eve@example.test' } });
  await world.applied('apps', revision);
  expect(await value()).toBe('4');
});

test('rules can ask what the newest commit says', async () => {
  await policy(world, 'peers', {
    checks: [
      { name: 'ticket', over: 'Change', expression: 'source.message.contains("Ticket: ")', message: 'no ticket' },
    ],
  });
  const without = await world.push(settings('5'), 'Change', ALICE);
  await changeOf(world, 'apps', 'be refused', ({ spec, status }) => {
    return spec.revision === without && status?.message?.includes('no ticket') === true;
  });
  const revision = await world.push(settings('6'), 'Change\n\nTicket: SHOP-12', ALICE);
  await world.applied('apps', revision);
  expect(await value()).toBe('6');
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
