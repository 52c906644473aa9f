import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGitServer } from '@plumb/sandbox';
import type { RemoteBases } from '@plumb/sources';
import { createRemoteBases } from '@plumb/sources';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { keptPort } from './support/ports.ts';
import { Repository } from './support/repository.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

let dir: string;
let world: World;
let base: Repository;
let bases: RemoteBases;
let git: Awaited<ReturnType<typeof startGitServer>>;
let revision: string;
/** Told when a repository is asked for. */
let onAsked: () => void = () => undefined;
/** What the file server answers. */
let file = '';

const files = createServer((_request, response) => response.end(file));

/** `bodiesLimit`: nothing stays in memory, all is built again from what is kept on the disk. */
const startAgent = async (): Promise<void> => {
  bases = createRemoteBases({ dir: join(dir, 'data') });
  const remotes: RemoteBases = {
    ...bases,
    tree: (repository, request) => {
      onAsked();
      return bases.tree(repository, request);
    },
  };
  await world.startAgent({ remotes, bodiesLimit: 0, records: { dir: join(dir, 'units'), maker: 'test' } });
};

const stopAgent = async (): Promise<void> => {
  await world.stopAgent();
  await bases.close();
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-remote-bases-'));
  world = await World.start({ agent: false });
  const { target } = world;
  git = await startGitServer({ dir: join(dir, 'git'), port: keptPort() });
  base = await Repository.clone(await git.create('base'), dir);
  await base.commit({
    'deploy/kustomization.yaml': 'resources: [settings.yaml]\n',
    'deploy/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
    'README.md': 'a base',
  });
  files.listen(0, '127.0.0.1');
  await once(files, 'listening');
  file = configMap(target, 'file', { colour: 'green' });
  const { port } = files.address() as AddressInfo;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/kustomization.yaml': `resources: [namespace.yaml, "${base.url}//deploy?ref=main", "http://127.0.0.1:${port}/file.yaml"]\n`,
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await startAgent();
  await world.kustomization('apps', { retryInterval: '1s' });
});
afterAll(async () => {
  await world.close();
  await bases.close();
  files.close();
  await rm(dir, { recursive: true, force: true });
});

const assertColour = (name: string, value: string): Promise<unknown> =>
  world.until(configMapKey(world.target, name), `be ${value}`, (object) => {
    return (object?.['data'] as { colour?: string } | undefined)?.colour === value;
  });

test('what a kustomization names by address is applied', async () => {
  await world.applied('apps', revision);
  await assertColour('settings', 'green');
  await assertColour('file', 'green');
});

test('a branch that moved and a file that changed are found by the next run, though the source is the same', async () => {
  await base.commit({ 'deploy/settings.yaml': configMap(world.target, 'settings', { colour: 'blue' }) });
  file = configMap(world.target, 'file', { colour: 'blue' });
  await world.request(world.unitKey('apps'));
  await assertColour('settings', 'blue');
  await assertColour('file', 'blue');
});

test('a commit that touches nothing of what was read changes nothing', async () => {
  const before = await world.get(configMapKey(world.target, 'settings'));
  await base.commit({ 'README.md': 'another text' });
  const token = await world.request(world.unitKey('apps'));
  const unit = await world.until(world.unitKey('apps'), 'answer', (object) => {
    return statusOf(object).lastHandledReconcileAt === token;
  });
  expect(condition(unit, 'Ready')).toMatchObject({ status: 'True' });
  expect((await world.get(configMapKey(world.target, 'settings')))?.metadata.resourceVersion).toBe(
    before?.metadata.resourceVersion,
  );
});

test('while it cannot be reached, what was applied stays, and is kept as it was', async () => {
  await git.close();
  await world.request(world.unitKey('apps'));
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toMatch(
    /^remote base 'http:.*base\.git': unable to clone 'http:.*base\.git': host unreachable/,
  );
  await world.edit(configMapKey(world.target, 'settings'), { data: { colour: 'red' } });
  await assertColour('settings', 'blue');
  await world.cluster.delete(configMapKey(world.target, 'file'));
  await assertColour('file', 'blue');
});

test('after a restart it is told again, and nothing is changed', async () => {
  await stopAgent();
  const before = await world.get(configMapKey(world.target, 'settings'));
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  await startAgent();
  await asked;
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect((await world.get(configMapKey(world.target, 'settings')))?.metadata.resourceVersion).toBe(
    before?.metadata.resourceVersion,
  );
});

test('once it is back the unit is ready again, by itself', async () => {
  git = await startGitServer({ dir: join(dir, 'git'), port: Number(new URL(base.url).port) });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
  await assertColour('settings', 'blue');
  expect(await world.problems()).toEqual([]);
});

test('where remote bases are off the unit says so, and keeps what it has', async () => {
  await stopAgent();
  await world.startAgent({ records: { dir: join(dir, 'units'), maker: 'test' } });
  const unit = await world.conditionIs(world.unitKey('apps'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toContain('is remote, and remote bases are off (--no-remote-bases)');
  await assertColour('settings', 'blue');
  await git.close();
});
