import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change } from '@plumb/api';
import { ForgeServer, type ToldPull } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, clusterPolicy, inPhase, installGates, Person } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

let world: World;
let dir: string;
let forge: ForgeServer;
let carol: Person;

const ALICE = 'Alice Liddell <alice@example.test>';
const PEOPLE = {
  alice: `user: alice\ngit: ${ALICE}\ngithub: alice\n`,
  bob: 'user: bob\ngit: bob@example.test\ngithub: bob\n',
};

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  carol = await Person.named('carol', ['sre'], { dir });
  forge = await ForgeServer.start('GitHub', {
    repository: 'shop/apps',
    token: 'f0rge-t0ken',
    pulls: [],
    writers: ['alice', 'bob'],
    trees: {},
  });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  const commit = await world.repository.commit(settings('1'));
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  const { namespace } = world;
  await world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'people', namespace }, data: PEOPLE });
  const data = { token: btoa('f0rge-t0ken') };
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'forge', namespace }, data });
  await clusterPolicy(world, 'reviewed', {
    approvals: [
      {
        name: 'peer',
        notAuthor: true,
        reviews: {
          provider: 'GitHub',
          url: forge.url,
          repository: 'shop/apps',
          secretRef: { name: 'forge', namespace },
        },
      },
    ],
    identitiesRef: { name: 'people', namespace },
  });
});

afterAll(async () => {
  await carol.cluster.close();
  await world.close();
  await forge.close();
  await rm(dir, { recursive: true, force: true });
});

const settings = (a: string): Record<string, string> => {
  return { 'apps/settings.yaml': configMap(world.target, 'settings', { a }) };
};

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

const idOf = (revision: string): string => revision.slice(revision.lastIndexOf(':') + 1);

/** A pull request that was merged by moving the branch on to its last commit, with an approval of that commit. */
function reviewed(number: number, revision: string, by: string): ToldPull {
  const id = idOf(revision);
  const review = { by, of: id, at: '2026-11-02T12:00:00Z', what: 'approve' } as const;
  const heads = [{ id, at: '2026-11-02T11:00:00Z' }];
  return { number, author: 'alice', state: 'merged', commits: [id], heads, landed: null, reviews: [review] };
}

const says = (revision: string, message: string): Promise<Change> =>
  changeOf(world, 'apps', `say: ${message}`, ({ spec, status }) => {
    return spec.revision === revision && status?.message?.includes(message) === true;
  });

test('a review of exactly the commit that is to be applied lets it pass, however late the forge answers', async () => {
  forge.fault = 'hang';
  const revision = await world.push(settings('2'), 'Change', ALICE);
  await says(revision, 'or approvals given elsewhere: GitHub has not answered yet');
  expect(await value()).toBe('1');
  forge.model.pulls = [reviewed(12, revision, 'bob')];
  forge.wake();
  await world.applied('apps', revision);
  expect(await value()).toBe('2');
  const done = await changeOf(world, 'apps', 'be applied', (one) => {
    return one.spec.revision === revision && inPhase('Applied')(one);
  });
  expect(done.status?.requirements?.find(({ rule }) => rule === 'approvals/peer')?.evidence).toEqual([
    'review by github:bob of pull request 12 of shop/apps at 2026-11-02T12:00:00.000Z',
  ]);
});

test('G3: a commit that was pushed between two pull requests is reviewed by nobody, and an approval lets all of it pass', async () => {
  const pushed = await world.repository.commit(settings('3'), 'Change', ALICE);
  const revision = await world.push({ 'README.md': 'more\n' }, 'Explain more', ALICE);
  forge.model.pulls.push(reviewed(13, revision, 'bob'));
  const change = await says(
    revision,
    `1 review of commit ${pushed.slice(0, 12)}, which came with no merged pull request`,
  );
  expect(await value()).toBe('2');
  await carol.says('Approve', change);
  await world.applied('apps', revision);
  expect(await value()).toBe('3');
});

test('G3: an author does not review their own change, whoever opened the pull request', async () => {
  const revision = await world.repository.commit(settings('4'), 'Change', 'Bob <bob@example.test>');
  forge.model.pulls.push(reviewed(14, revision, 'bob'));
  await world.requestSource();
  const why = '1 review of pull request 14 of shop/apps (that of github:bob does not count: an author)';
  await says(`main@sha1:${revision}`, why);
  expect(await value()).toBe('3');
});

test('G5: a forge that fails holds', async () => {
  forge.fault = { status: 500 };
  const revision = await world.push(settings('5'), 'Change', ALICE);
  await says(revision, 'answered with HTTP status 500');
  expect(await value()).toBe('3');
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
