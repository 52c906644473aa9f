import { join } from 'node:path';
import type { KindRef, KubeObject } from '@plumb/api';
import { GIT_REPOSITORY, KUSTOMIZATION } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditedRequests, isWrite } from './support/audit.ts';
import { configMap } from './support/manifests.ts';
import { OwnPlane } from './support/own-plane.ts';
import { ENGINE_PATH } from './support/paths.ts';
import { Replica } from './support/replica.ts';
import { condition, configMapKey, World } from './support/world.ts';

const KEY = 'sharding.fluxcd.io/key';
const SELECTORS = { 'agent-a': `${KEY} in (a)`, 'agent-rest': `${KEY} notin (a)` } as const;
type AgentName = keyof typeof SELECTORS;
/** What either agent is to work on: units by name, and sources. */
const SHARDS: Readonly<Record<AgentName, { units: readonly string[]; source: string }>> = {
  'agent-a': { units: ['a-own', 'a-other', 'a-late'], source: 'source-a' },
  'agent-rest': { units: ['rest-own', 'rest-other', 'rest-last'], source: 'source-rest' },
};

let plane: OwnPlane;
let world: World;
const agents = new Map<AgentName, Replica>();

const labelsOf = (shard: AgentName): Record<string, string> => (shard === 'agent-a' ? { [KEY]: 'a' } : {});

function create({ group, version, kind }: KindRef, name: string, shard: AgentName, spec: object): Promise<KubeObject> {
  const metadata = { name, namespace: world.namespace, labels: labelsOf(shard) };
  return world.apply({ apiVersion: `${group}/${version}`, kind, metadata, spec });
}

function unit(name: string, shard: AgentName, spec: { source: string; dependsOn?: string }): Promise<KubeObject> {
  const { source, dependsOn } = spec;
  return create(KUSTOMIZATION, name, shard, {
    sourceRef: { kind: 'GitRepository', name: source },
    path: `./${name}`,
    interval: '10m',
    prune: true,
    ...(dependsOn !== undefined && { dependsOn: [{ name: dependsOn }] }),
  });
}

/** A map of the unit's own name in its folder. */
function files(units: readonly string[], turn: string): Record<string, string> {
  return Object.fromEntries(units.map((name) => [`${name}/map.yaml`, configMap(world.namespace, name, { turn })]));
}

async function push(changed: Record<string, string>): Promise<string> {
  const commit = await world.repository.commit(changed);
  for (const { source } of Object.values(SHARDS)) {
    await world.request({ ...GIT_REPOSITORY, namespace: world.namespace, name: source });
  }
  return `main@sha1:${commit}`;
}

beforeAll(async () => {
  plane = await OwnPlane.start({ audit: true });
  world = await World.start({ agent: false, kubeconfig: plane.kubeconfig });
  for (const [name, selector] of Object.entries(SELECTORS)) {
    const replica = Replica.start({
      name,
      selector,
      kubeconfig: await plane.kubeconfigFor(name),
      namespace: world.namespace,
      dir: join(plane.dir, name),
      engine: ENGINE_PATH,
    });
    agents.set(name as AgentName, replica);
  }
});

afterAll(async () => {
  for (const replica of agents.values()) await replica.end('SIGKILL');
  await world.close();
  await plane.close();
});

test('two agents with other selectors each bring their own units up, from sources of either', async () => {
  await Promise.all(agents.values().map((replica) => replica.agreed(1, 0, 40_000)));
  const names = ['a-own', 'a-other', 'rest-own', 'rest-other'];
  const revision = `main@sha1:${await world.repository.commit(files(names, '1'))}`;
  for (const [shard, { source }] of Object.entries(SHARDS)) {
    const spec = { url: world.repository.url, interval: '10m', ref: { branch: 'main' } };
    await create(GIT_REPOSITORY, source, shard as AgentName, spec);
  }
  await unit('a-own', 'agent-a', { source: 'source-a' });
  await unit('a-other', 'agent-a', { source: 'source-rest' });
  await unit('rest-own', 'agent-rest', { source: 'source-rest' });
  await unit('rest-other', 'agent-rest', { source: 'source-a' });
  for (const name of names) await world.applied(name, revision);
});

test("a unit waits for one of the other agent's, and goes on with it", async () => {
  await unit('rest-last', 'agent-rest', { source: 'source-rest', dependsOn: 'a-late' });
  await unit('a-late', 'agent-a', { source: 'source-a' });
  const waits = `dependency '${world.namespace}/a-late' is not ready`;
  await world.until(world.unitKey('rest-last'), 'wait', (seen) => condition(seen, 'Ready')?.message === waits);
  await world.conditionIs(world.unitKey('a-late'), 'Ready', 'False');
  const revision = await push(files(['a-late', 'rest-last'], '2'));
  await world.applied('a-late', revision);
  await world.applied('rest-last', revision);
});

test('a unit that is deleted is cleared away by its own agent', async () => {
  await world.cluster.delete(world.unitKey('rest-other'));
  await world.until(world.unitKey('rest-other'), 'be gone', (object) => object === null);
  expect(await world.get(configMapKey(world.namespace, 'rest-other'))).toBeNull();
});

/** The names of what an agent has changed, of a resource. */
async function changedBy(agent: AgentName, resource: string, since = 0): Promise<string[]> {
  const requests = await auditedRequests(plane.auditLog, [agent]);
  const writes = requests.filter((request) => isWrite(request) && request.resource === resource);
  const own = writes.filter(({ from, namespace }) => from >= since && namespace === world.namespace);
  return [...new Set(own.map(({ name }) => name))].sort();
}

test("by the audit log neither has touched what is the other one's", async () => {
  for (const [agent, { units, source }] of Object.entries(SHARDS)) {
    const own = units.toSorted();
    expect(await changedBy(agent as AgentName, 'kustomizations')).toEqual(own);
    expect(await changedBy(agent as AgentName, 'configmaps')).toEqual(own);
    expect(await changedBy(agent as AgentName, 'gitrepositories')).toEqual([source]);
  }
  for (const replica of agents.values())
    expect(replica.news.filter(({ event }) => event !== 'joined' && event !== 'agreed')).toEqual([]);
});

test('with its label a unit goes over to the other agent', async () => {
  const began = Date.now();
  await world.edit(world.unitKey('rest-own'), { metadata: { labels: { [KEY]: 'a' } } });
  const [taken, left] = [await push(files(['rest-own'], '3')), Date.now()];
  await world.applied('rest-own', taken);
  expect(await changedBy('agent-a', 'configmaps', began)).toEqual(['rest-own']);
  expect(await changedBy('agent-rest', 'configmaps', left)).toEqual([]);
  expect(await world.problems()).toEqual([]);
});
