import type { Change } from '@plumb/api';
import { Signing, type Signer } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, clusterPolicy, inPhase, installGates } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
let signing: Signing;
let alice: Signer;
let bob: Signer;
let carol: Signer;
let stranger: Signer;

const ALICE = 'Alice Liddell <alice@example.test>';
const BOB = 'Bob <bob@example.test>';
const PEOPLE = {
  alice: `user: alice\ngit: ${ALICE}\n`,
  bob: `user: bob\ngit: ${BOB}\n`,
  carol: 'user: carol\ngit: carol\n',
};

beforeAll(async () => {
  signing = new Signing();
  [alice, bob, stranger] = [signing.ssh('alice'), signing.ssh('bob'), signing.ssh('mallory')];
  carol = signing.gpg('carol');
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  const commit = await world.repository.commit(settings('1'), 'Begin', ALICE);
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  const { namespace } = world;
  const allowed = `alice@example.test ${alice.publicKey}bob@example.test namespaces="git" ${bob.publicKey}`;
  await entries('people', PEOPLE);
  await entries('signers', { allowed_signers: allowed, 'carol.asc': carol.publicKey });
  await clusterPolicy(world, 'signed', {
    approvals: [
      {
        name: 'peer',
        notAuthor: true,
        signed: { signersRef: { name: 'signers', namespace }, tags: 'approved/*', trailer: 'Approved-by' },
      },
    ],
    identitiesRef: { name: 'people', namespace },
  });
});

afterAll(async () => {
  await world.close();
  signing[Symbol.dispose]();
});

const entries = (name: string, data: Record<string, string>): Promise<unknown> =>
  world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: world.namespace }, data });

const settings = (a: string): Record<string, string> => {
  return { 'apps/settings.yaml': configMap(world.target, 'settings', { a }) };
};

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

const idOf = (revision: string): string => revision.slice(revision.lastIndexOf(':') + 1);

/** Tags a commit, and asks for the unit to be looked at. */
async function tag(name: string, commit: string, args: readonly string[]): Promise<void> {
  await world.repository.git(...args, '-m', 'approved', name, commit);
  await world.repository.git('push', '--quiet', 'origin', `refs/tags/${name}`);
  await world.request(world.unitKey('apps'));
}
const signedBy = ({ config }: Signer): string[] => [...config, 'tag', '-s'];

const says = (revision: string, message: string): Promise<Change> =>
  changeOf(world, 'apps', `say: ${message}`, ({ spec, status }) => {
    return spec.revision === revision && status?.message?.includes(message) === true;
  });

async function evidenceOf(revision: string): Promise<readonly string[] | undefined> {
  const done = await changeOf(world, 'apps', 'be applied', (one) => {
    return one.spec.revision === revision && inPhase('Applied')(one);
  });
  return done.status?.requirements?.find(({ rule }) => rule === 'approvals/peer')?.evidence;
}

/** Alice changes something on a branch of hers; somebody merges it and pushes. */
async function merged(a: string, by: string, args: readonly string[]): Promise<string> {
  const { repository } = world;
  const before = await repository.git('rev-parse', 'HEAD');
  await repository.commit(settings(a), 'Change', ALICE);
  const change = await repository.git('rev-parse', 'HEAD');
  const tree = await repository.git('rev-parse', 'HEAD^{tree}');
  const commit = await repository.gitAs(by, ...args, '-p', before, '-p', change, tree);
  await repository.git('reset', '--quiet', '--hard', commit);
  await repository.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  await world.requestSource();
  return `main@sha1:${commit}`;
}

test('a tag of exactly the commit, signed by somebody who may and is no author, lets it pass', async () => {
  const parent = await world.repository.git('rev-parse', 'HEAD');
  const revision = await world.push(settings('2'), 'Change', ALICE);
  const commit = idOf(revision);
  const wanted = `or 1 signed tag approved/* or trailer Approved-by of commit ${commit.slice(0, 12)}`;
  await says(revision, wanted);
  await tag('approved/unsigned', commit, ['tag', '-a']);
  await says(revision, 'tag approved/unsigned does not count: it is not signed');
  await tag('approved/stranger', commit, signedBy(stranger));
  await says(revision, 'tag approved/stranger does not count: unable to verify Git tag SSH signature');
  await tag('approved/author', commit, signedBy(alice));
  await says(revision, 'that of git:alice@example.test does not count: an author');
  await tag('approved/parent', parent, signedBy(bob));
  await tag('other', commit, signedBy(bob));
  const asked = await world.request(world.unitKey('apps'));
  await world.until(world.unitKey('apps'), 'be looked at', (unit) => {
    return (unit?.['status'] as { lastHandledReconcileAt?: string } | undefined)?.lastHandledReconcileAt === asked;
  });
  expect(await value()).toBe('1');
  await tag('approved/head', commit, signedBy(bob));
  await world.applied('apps', revision);
  expect(await value()).toBe('2');
  const key = signing.sshFingerprint('bob');
  expect(await evidenceOf(revision)).toEqual([
    expect.stringContaining(
      `tag approved/head of commit ${commit.slice(0, 12)}, signed by git:bob@example.test with key ${key} at `,
    ),
  ]);
});

test('G2: a signed tag counts for no other commit: the next one is held again', async () => {
  const revision = await world.push(settings('3'), 'Change', ALICE);
  await says(revision, `1 signed tag approved/* or trailer Approved-by of commit ${idOf(revision).slice(0, 12)}`);
  expect(await value()).toBe('2');
  await tag('approved/three', idOf(revision), signedBy(carol));
  await world.applied('apps', revision);
  expect(await value()).toBe('3');
});

test('a merge that says who approves, signed by just them, lets what it merges pass', async () => {
  const commit = ['commit-tree', '-m', 'Merge', '-m', 'Approved-by: Bob <bob@example.test>'];
  const unsigned = await merged('4', BOB, commit);
  await says(unsigned, 'does not count: of the commit, it is not signed');
  const signed = await merged('5', BOB, [...bob.config, ...commit, '-S']);
  await world.applied('apps', signed);
  expect(await value()).toBe('5');
});

test('G3: nobody approves by a merge of what they wrote, nor in the name of somebody else', async () => {
  const commit = ['commit-tree', '-S', '-m', 'Merge', '-m'];
  const own = await merged('6', ALICE, [...alice.config, ...commit, 'Approved-by: alice@example.test']);
  await says(own, 'that of git:alice@example.test does not count: an author');
  const other = await merged('7', ALICE, [...alice.config, ...commit, 'Approved-by: Bob <bob@example.test>']);
  await says(other, 'it names Bob <bob@example.test>, and git:alice@example.test signed the commit');
  expect(await value()).toBe('5');
});

test('G5: a list of signers that cannot be read opens nothing', async () => {
  await world.cluster.delete({
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    namespace: world.namespace,
    name: 'signers',
  });
  const revision = await world.push(settings('8'), 'Change', ALICE);
  await tag('approved/eight', idOf(revision), signedBy(bob));
  await says(revision, `ConfigMap ${world.namespace}/signers is not there`);
  expect(await value()).toBe('5');
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
