import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { GIT_REPOSITORY, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { startGitServer } from '@plumb/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditedRequests, isWrite } from './support/audit.ts';
import { OwnPlane } from './support/own-plane.ts';
import { Repository } from './support/repository.ts';
import { Requests } from './support/requests.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { configMapKey } from './support/world.ts';

const AWAY_MS = 8_000;
const NAMESPACE = 'default';
const AGENT = 'plumb-agent';
const SOURCE: ObjectKey = { ...GIT_REPOSITORY, namespace: NAMESPACE, name: 'shop' };
const UNIT: ObjectKey = { ...KUSTOMIZATION, namespace: NAMESPACE, name: 'shop' };

let plane: OwnPlane;
let repository: Repository;
let cluster: Cluster;
let toGit: TcpProxy;
let running: Awaited<ReturnType<OwnPlane['agent']>>;
const requests = new Requests();
const notices: string[] = [];
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  plane = await OwnPlane.start({ audit: true });
  cleanups.push(() => plane.close());
  const server = await startGitServer({ dir: join(plane.dir, 'git') });
  cleanups.push(() => server.close());
  repository = await Repository.clone(await server.create('shop'), plane.dir);
  toGit = await TcpProxy.to(Number(new URL(server.url).port));
  cleanups.push(() => toGit.close());
  const url = new URL(repository.url);
  url.port = String(toGit.port);
  cluster = await plane.connect();
  cleanups.push(() => cluster.close());
  const onNotice = (text: string): number => notices.push(text);
  running = await plane.agent({ user: AGENT, counter: requests, onNotice, checkInterval: 5_000 });
  cleanups.push(() => running.close());
  const revision = await commit('one');
  await apply(SOURCE, { url: url.href, interval: '1s', ref: { branch: 'main' } });
  const sourceRef = { kind: 'GitRepository', name: 'shop' };
  await apply(UNIT, { sourceRef, path: './shop', interval: '10m', retryInterval: '2s', prune: true, timeout: '1m' });
  await until(UNIT, isAt(revision));
});

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function apply({ group, version, kind, namespace, name }: ObjectKey, spec: object): Promise<KubeObject> {
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { name, namespace }, spec };
  return cluster.apply(object as KubeObject, { fieldManager: 'test', force: true });
}

async function commit(value: string): Promise<string> {
  const files = ['a', 'b', 'c'].map((name) => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data: { value } };
    return [`shop/${name}.yaml`, JSON.stringify(object)] as const;
  });
  return `main@sha1:${await repository.commit(Object.fromEntries(files))}`;
}

async function request(): Promise<void> {
  const annotations = { [REQUESTED_AT_ANNOTATION]: new Date().toISOString() };
  await cluster.patch(SOURCE, { metadata: { annotations } }, { type: 'merge' });
}

async function until(key: ObjectKey, holds: (object: KubeObject | null) => boolean, ms = 60_000): Promise<void> {
  let last: KubeObject | null = null;
  for (const end = performance.now() + ms; performance.now() < end;) {
    last = await cluster.get(key);
    if (holds(last)) return;
    await sleep(100);
  }
  throw new Error(`${key.kind}/${key.name} is not as asked: ${JSON.stringify(last)}; notices: ${notices.join('; ')}`);
}

const isAt =
  (revision: string) =>
  (object: KubeObject | null): boolean => {
    const status = object?.['status'] as
      | { lastAppliedRevision?: string; conditions?: { type: string; status: string }[] }
      | undefined;
    const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
    return ready && status?.lastAppliedRevision === revision;
  };

const holds =
  (value: string) =>
  (object: KubeObject | null): boolean =>
    (object?.['data'] as { value?: string } | undefined)?.value === value;

/** What the agent has written since a moment, as `<verb> <resource>/<name>`. Events have names of their own and are left out. */
async function writtenSince(moment: number): Promise<string[]> {
  const all = await auditedRequests(plane.auditLog, [AGENT]);
  return all
    .filter((request) => request.from >= moment && isWrite(request) && request.resource !== 'events')
    .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);
}

const MAPS = ['a', 'b', 'c'].map((name) => `patch configmaps/${name}`);
const STATUSES = ['patch gitrepositories/shop', 'patch kustomizations/shop'];

test('the API server goes and comes back: said once, asked rarely, no write but what is new', async () => {
  notices.length = 0;
  await plane.stop();
  requests.take();
  const fetchedBefore = toGit.connections;
  await sleep(AWAY_MS);
  const during = requests.take();
  expect(notices).toEqual([expect.stringMatching(/^the API server has not answered since \d{4}-/)]);
  expect(running.cluster.connection.awayFor()).toBeGreaterThan(AWAY_MS / 2);
  // One probe with its pauses, and what each watch tried before it waited.
  expect(during.length).toBeLessThan(20 + AWAY_MS / 1_000);
  // At most the fetch that was under way: there is nobody to tell of another.
  expect(toGit.connections - fetchedBefore).toBeLessThan(AWAY_MS / 1_000 / 2);
  const back = Date.now();
  await plane.again();
  await running.cluster.connection.back(AbortSignal.timeout(30_000));
  const revision = await commit('two');
  await request();
  await until(UNIT, isAt(revision));
  await until(configMapKey(NAMESPACE, 'a'), holds('two'));
  expect(notices).toHaveLength(2);
  expect(notices[1]).toMatch(/^the API server answers again after [\d.]+ s$/);
  const written = await writtenSince(back);
  expect(written.filter((write) => !STATUSES.includes(write)).toSorted()).toEqual(MAPS);
});

test(
  'etcd is set back to an older state: what was delivered since is delivered again',
  { timeout: 240_000 },
  async () => {
    await plane.stop();
    await plane.snapshot();
    await plane.again();
    await running.cluster.connection.back(AbortSignal.timeout(30_000));
    for (const value of ['three', 'four', 'five']) {
      const revision = await commit(value);
      await request();
      await until(UNIT, isAt(revision));
    }
    const revision = `main@sha1:${(await repository.git('rev-parse', 'HEAD')).trim()}`;
    await plane.stop();
    await plane.restore();
    const back = Date.now();
    await plane.again();
    await until(UNIT, isAt(revision));
    for (const name of ['a', 'b', 'c']) await until(configMapKey(NAMESPACE, name), holds('five'));
    const written = await writtenSince(back);
    expect([...new Set(written)].filter((write) => !STATUSES.includes(write)).toSorted()).toEqual(MAPS);
    await cluster.patch(configMapKey(NAMESPACE, 'a'), { data: { value: 'spoilt' } }, { type: 'merge' });
    await until(configMapKey(NAMESPACE, 'a'), holds('five'), 10_000);
  },
);
