import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crds, GIT_REPOSITORY, KUSTOMIZATION, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import type { ControlPlane, GitServer } from '@plumb/sandbox';
import { startControlPlane, startGitServer } from '@plumb/sandbox';
import { checkStatus } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownership } from '../chaos/owners.ts';
import type { AuditedRequest } from './support/audit.ts';
import { auditedRequests, isWrite } from './support/audit.ts';
import { configMap } from './support/manifests.ts';
import { CLUSTER_PATH, ENGINE_PATH } from './support/paths.ts';
import { keptPort } from './support/ports.ts';
import { Replica } from './support/replica.ts';
import { Repository } from './support/repository.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { statusOf } from './support/world.ts';

/** A third of what an agent uses by default, so that the scenario is short. Milliseconds. */
const DURATION = 5_000;
/**
 * A replica that dies is taken over within 20 s where a lease is renewed every 5 s: before those who live have renewed theirs four times. Each
 * writes its lease for two views besides. Counted so, a machine that has other things to do does not matter.
 */
const TAKEOVER_WRITES = 4 + 2;
/** How long is waited for anything; tests beside it may take the processor. */
const PATIENCE = 60_000;
const NAMESPACE = 'shop';
const NAMES = ['replica-a', 'replica-b', 'replica-c'] as const;
const UNITS = Array.from({ length: 30 }, (_, index) => `unit-${String(index).padStart(2, '0')}`);

let dir: string;
let plane: ControlPlane;
let cluster: Cluster;
let server: GitServer;
let repository: Repository;
let proxy: TcpProxy;
const kubeconfigs = new Map<string, string>();
const replicas = new Map<string, Replica>();
const all: { name: string; replica: Replica }[] = [];
/** What the API server answered, once all is over. */
let requests: AuditedRequest[] = [];

function start(name: string): Replica {
  const replica = Replica.start({
    name,
    kubeconfig: kubeconfigs.get(name) ?? '',
    namespace: NAMESPACE,
    dir: join(dir, name),
    engine: ENGINE_PATH,
    duration: String(DURATION),
  });
  replicas.set(name, replica);
  all.push({ name, replica });
  return replica;
}

function replicaOf(name: string): Replica {
  const replica = replicas.get(name);
  if (replica === undefined) throw new Error(`${name} was not started`);
  return replica;
}

async function agreed(count: number, since: number): Promise<void> {
  await Promise.all([...replicas.values()].map((replica) => replica.agreed(count, since, 40_000)));
}

let turn = 0;
/** Commits a new value to every unit and asks the source to look. @returns the revision */
async function push(): Promise<string> {
  turn += 1;
  const files = UNITS.map((unit) => [`${unit}/map.yaml`, configMap(NAMESPACE, unit, { turn: String(turn) })]);
  const commit = await repository.commit(Object.fromEntries(files) as Record<string, string>);
  const key = { ...GIT_REPOSITORY, namespace: NAMESPACE, name: 'shop' };
  const annotations = { [REQUESTED_AT_ANNOTATION]: `${new Date().toISOString()}-${turn}` };
  await cluster.patch(key, { metadata: { annotations } }, { type: 'merge' });
  return `main@sha1:${commit}`;
}

/** Waits until every unit has applied a revision. @returns those that have not */
async function applied(revision: string): Promise<string[]> {
  const left = new Set(UNITS);
  const see = (object: Parameters<typeof statusOf>[0]): void => {
    if (object !== null && statusOf(object).lastAppliedRevision === revision) left.delete(object.metadata.name);
  };
  const signal = AbortSignal.timeout(PATIENCE);
  const { items, resourceVersion } = await cluster.list(KUSTOMIZATION, { namespace: NAMESPACE });
  for (const item of items) see(item);
  if (left.size === 0) return [];
  try {
    for await (const event of cluster.watch(KUSTOMIZATION, { namespace: NAMESPACE, resourceVersion, signal })) {
      if (event.type === 'added' || event.type === 'modified') see(event.object);
      if (left.size === 0) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return [...left];
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-replicas-'));
  plane = await startControlPlane({
    clusterPath: CLUSTER_PATH,
    dir: join(dir, 'plane'),
    port: keptPort(),
    audit: true,
  });
  cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-test' });
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test', force: true });
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  server = await startGitServer({ dir: join(dir, 'git') });
  repository = await Repository.clone(await server.create('shop'), dir);
  proxy = await TcpProxy.to(Number(new URL(plane.url).port));
  for (const name of NAMES) kubeconfigs.set(name, await plane.kubeconfigFor(name, ['system:masters']));
  const direct = await readFile(kubeconfigs.get('replica-c') ?? '', 'utf8');
  const through = join(dir, 'through-proxy.kubeconfig');
  await writeFile(through, direct.replace(plane.url, `https://127.0.0.1:${proxy.port}`), { mode: 0o600 });
  kubeconfigs.set('replica-c', through);
});

afterAll(async () => {
  for (const { replica } of all) await replica.end('SIGKILL');
  await proxy.close();
  await server.close();
  await cluster.close();
  await plane.stop();
  await rm(dir, { recursive: true, force: true });
});

test('three replicas share thirty units', async () => {
  const since = Date.now();
  for (const name of NAMES) start(name);
  const spec = { url: repository.url, interval: '10m', ref: { branch: 'main' } };
  const metadata = { name: 'shop', namespace: NAMESPACE };
  await repository.commit({ 'README.md': 'units\n' });
  await cluster.create({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', metadata, spec });
  await agreed(3, since);
  const revision = await push();
  for (const unit of UNITS) {
    await cluster.create({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: unit, namespace: NAMESPACE },
      spec: {
        sourceRef: { kind: 'GitRepository', name: 'shop' },
        path: `./${unit}`,
        interval: '10m',
        prune: true,
        timeout: '1m',
      },
    });
  }
  expect(await applied(revision)).toEqual([]);
});

/** Moments in which a replica died, and those in which each of the others was agreed on that. */
const takeovers: { died: number; name: string; agreed: number }[] = [];

test('a replica that is killed is taken over, and comes back', async () => {
  const since = Date.now();
  await replicaOf('replica-a').end('SIGKILL');
  replicas.delete('replica-a');
  const revision = await push();
  expect(await applied(revision)).toEqual([]);
  await agreed(2, since);
  for (const [name, { news }] of replicas) {
    const after = news.filter(({ at }) => at >= since);
    const expired = after.findIndex(({ event }) => event === 'member-expired');
    const agreement = after.slice(expired).find(({ event }) => event === 'agreed');
    expect([name, expired >= 0, agreement?.event]).toEqual([name, true, 'agreed']);
    takeovers.push({ died: since, name, agreed: agreement?.at ?? Infinity });
  }
  const back = Date.now();
  start('replica-a');
  await agreed(3, back);
  expect(await applied(await push())).toEqual([]);
});

test('a replica that is stopped for longer than its lease does nothing when it goes on, until it has joined again', async () => {
  replicaOf('replica-b').signal('SIGSTOP');
  expect(await applied(await push())).toEqual([]);
  const revision = await push();
  const since = Date.now();
  replicaOf('replica-b').signal('SIGCONT');
  expect(await applied(revision)).toEqual([]);
  await agreed(3, since);
  expect(await applied(await push())).toEqual([]);
  expect(replicaOf('replica-b').news.map(({ event }) => event)).toContain('lease-lost');
});

test('a replica that is cut off stops by itself, and joins again', async () => {
  const revision = await push();
  proxy.cut();
  try {
    expect(await applied(revision)).toEqual([]);
    expect(await applied(await push())).toEqual([]);
  } finally {
    proxy.heal();
  }
  const since = Date.now();
  await agreed(3, since);
  expect(await applied(await push())).toEqual([]);
  expect(replicaOf('replica-c').news.map(({ event }) => event)).toContain('lease-lost');
});

test('a replica is stopped and goes on again and again while commits land', async () => {
  const stops = [0.2, 0.5, 0.9, 1.2, 0.7, 1.5];
  let last = '';
  for (const [index, share] of stops.entries()) {
    const replica = replicaOf(NAMES[index % NAMES.length] ?? '');
    const ended = Promise.withResolvers<void>();
    replica.signal('SIGSTOP');
    setTimeout(() => {
      replica.signal('SIGCONT');
      ended.resolve();
    }, share * DURATION);
    last = await push();
    await ended.promise;
    last = await push();
  }
  expect(await applied(last)).toEqual([]);
});

test('a replica that ends cleanly is followed at once', async () => {
  const since = Date.now();
  await replicaOf('replica-a').end('SIGTERM');
  replicas.delete('replica-a');
  await agreed(2, since);
  expect(await applied(await push())).toEqual([]);
});

test('the statuses are sound in the end', async () => {
  const problems: string[] = [];
  for (const kind of [GIT_REPOSITORY, KUSTOMIZATION]) {
    const { items } = await cluster.list(kind, { namespace: NAMESPACE });
    for (const object of items)
      problems.push(...checkStatus(object).map((broken) => `${object.metadata.name}: ${broken}`));
  }
  expect(problems).toEqual([]);
});

test('I13: by the audit log no unit is changed by two replicas at once, and none by one that is not agreed to own it', async () => {
  for (const { replica } of all) await replica.end('SIGTERM');
  await plane.stop();
  requests = await auditedRequests(join(dir, 'plane', 'audit.log'), NAMES);
  const writes = requests.filter(isWrite);
  const news = all.flatMap(({ name, replica }) => replica.news.map((one) => ({ ...one, name })));
  const units = UNITS.map((name) => ({ name, objects: [`configmaps/${name}`] }));
  const { problems, handovers } = ownership({ namespace: NAMESPACE, source: 'shop', units }, writes, news);
  expect(problems).toEqual([]);
  expect(handovers).toBeGreaterThan(UNITS.length);
  for (const name of NAMES) expect(writes.filter(({ user }) => user === name).length).toBeGreaterThan(50);
});

test('a replica that dies is taken over before the others have renewed their leases four times', () => {
  const counted = takeovers.map(({ died, name, agreed: at }) => {
    const own = requests.filter(({ user, resource, from }) => user === name && resource === 'leases' && from > died);
    return own.filter((request) => request.from < at && isWrite(request)).length;
  });
  expect(counted).toHaveLength(2);
  for (const count of counted) expect(count).toBeLessThanOrEqual(TAKEOVER_WRITES);
});
