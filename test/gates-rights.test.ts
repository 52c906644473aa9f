import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Change } from '@plumb/api';
import { ChaosProxy } from '@plumb/testkit';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

// An agent that has to ask for each right it has, and may lose the one to read policies.

const RBAC = 'rbac.authorization.k8s.io';
const ALL = ['*'];
const POLICIES = ['releasepolicies', 'clusterreleasepolicies'];
/** Everything but policies. */
const REST = [
  {
    apiGroups: [
      '',
      'admissionregistration.k8s.io',
      'apiextensions.k8s.io',
      'coordination.k8s.io',
      'kustomize.toolkit.fluxcd.io',
      'source.toolkit.fluxcd.io',
    ],
    resources: ALL,
    verbs: ALL,
  },
  { apiGroups: ['plumb.dev'], resources: ['approvals', 'changes', 'changes/status', 'lockdowns', 'plans'], verbs: ALL },
];
const READ_POLICIES = [
  { apiGroups: ['plumb.dev'], resources: [...POLICIES, ...POLICIES.map((one) => `${one}/status`)], verbs: ALL },
];

let world: World;
let dir: string;
let proxy: ChaosProxy;
let agent: Person;
let alice: Person;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  dir = await mkdtemp(join(tmpdir(), 'plumb-rights-'));
  proxy = await ChaosProxy.start({ kubeconfig: inject('kubeconfig'), dir, seed: 12 });
  agent = await Person.named(`agent-of-${world.namespace}`, [], { dir, kubeconfig: proxy.kubeconfig });
  alice = await Person.named('alice', ['sre'], { dir });
  await grant('rest', REST);
  await grant('policies', READ_POLICIES);
  await untilMay(true);
  await world.startAgent({ gates: true, connect: { kubeconfig: agent.kubeconfig } });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  const commit = await world.repository.commit(settings('1'));
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  await policy(world, 'one', { select: { names: ['apps'] }, approvals: [{ name: 'one', count: 1, groups: ['sre'] }] });
});

afterAll(async () => {
  for (const name of ['rest', 'policies'])
    for (const kind of ['ClusterRoleBinding', 'ClusterRole']) await world.cluster.delete(rightKey(kind, name));
  await world.close();
  await proxy.close();
  for (const { cluster } of [agent, alice]) await cluster.close();
  await rm(dir, { recursive: true, force: true });
});

const rightKey = (kind: string, name: string) => ({
  group: RBAC,
  version: 'v1',
  kind,
  namespace: '',
  name: `${world.namespace}-${name}`,
});

async function grant(name: string, rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[]) {
  const metadata = { name: rightKey('', name).name };
  await world.apply({ apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules });
  await world.apply({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: metadata.name },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: agent.name }],
  });
}

/** The API server's own caches learn of a changed role a moment later. */
async function untilMay(allowed: boolean): Promise<void> {
  const resourceAttributes = { group: 'plumb.dev', resource: 'releasepolicies', verb: 'list' };
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: { user: agent.name, resourceAttributes },
  };
  for (;;) {
    const answer = await world.cluster.create(review);
    if ((answer['status'] as { allowed: boolean }).allowed === allowed) return;
    await sleep(20);
  }
}

/** A watch that is open goes on: what it was allowed by is asked for again when it is opened anew. */
async function loseTheRight(): Promise<void> {
  await world.cluster.delete(rightKey('ClusterRoleBinding', 'policies'));
  await untilMay(false);
  proxy.cut();
}

async function getItBack(): Promise<void> {
  await grant('policies', READ_POLICIES);
  await untilMay(true);
}

const settings = (a: string, unit = 'apps'): Record<string, string> => ({
  [`${unit}/settings.yaml`]: configMap(world.target, unit, { a }),
});
const value = async (unit = 'apps'): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, unit));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};
const BLIND =
  /^waits until the policies can be read: objects of the kind (Cluster)?ReleasePolicy cannot be read: .*User "agent-of-\S+" cannot (list|watch) resource "(cluster)?releasepolicies"/;

/** Waits until a unit says that policies cannot be read. */
async function blind(unit: string): Promise<void> {
  await world.until(world.unitKey(unit), 'say that policies cannot be read', (object) =>
    BLIND.test((object && condition(object, 'Ready')?.message) ?? ''),
  );
}

/** Until it is blind, what it saw last is what holds: asks a unit whose change is held until it says so. */
async function untilBlind(unit: string): Promise<void> {
  const message = async (): Promise<string> => {
    await world.judgedAnew(unit);
    return condition(await world.get(world.unitKey(unit)), 'Ready')?.message ?? '';
  };
  await expect.poll(message, { timeout: 60_000 }).toMatch(BLIND);
}

function pending(revision: string): Promise<Change> {
  return changeOf(world, 'apps', 'wait', (one) => one.spec.revision === revision && inPhase('Pending')(one));
}

test('G7: losing the right to read policies opens nothing that they hold, and says why', async () => {
  const revision = await world.push(settings('2'));
  const change = await pending(revision);
  await loseTheRight();
  await untilBlind('apps');
  await alice.says('Approve', change);
  await world.judgedAnew('apps');
  await blind('apps');
  expect(await value()).toBe('1');
  await getItBack();
  await world.applied('apps', revision);
  expect(await value()).toBe('2');
});

test('nor does it let a new change pass, be it of a unit that no policy selects, until the right is back', async () => {
  await pending(await world.push(settings('3')));
  await loseTheRight();
  await untilBlind('apps');
  const revision = await world.push({ ...settings('4'), ...settings('1', 'other') });
  await world.kustomization('other', { retryInterval: '1h' });
  await world.judgedAnew('apps');
  await blind('apps');
  await blind('other');
  expect([await value(), await value('other')]).toEqual(['2', undefined]);
  await getItBack();
  await world.applied('other', revision);
  const change = await pending(revision);
  expect(change.status?.message).toBe('waits for 1 approval by group sre');
  expect(await value()).toBe('2');
  await alice.says('Approve', change);
  await world.applied('apps', revision);
});

test('nothing went wrong beside, but for requests that were under way when connections were cut', async () => {
  expect((await world.problems()).filter((one) => !one.includes('connection lost'))).toEqual([]);
});
