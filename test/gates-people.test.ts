import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  APPROVAL,
  CHANGE,
  CLUSTER_RELEASE_POLICY,
  gateRoles,
  LOCKDOWN,
  RELEASE_POLICY,
  type Change,
  type KindRef,
} from '@plumb/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { OwnPlane } from './support/own-plane.ts';
import { configMapKey, World } from './support/world.ts';

// On a control plane of its own: here nobody has a right that they were not given, and everybody comes by credentials of their own.

const RBAC = 'rbac.authorization.k8s.io';

let plane: OwnPlane;
let world: World;
let dir: string;
let robot: Person;

/** By name: who comes by a certificate, with the groups it names. */
const GROUPS: Record<string, string[]> = {
  alice: ['sre'],
  Alice: ['sre'],
  bob: ['sre'],
  carol: ['sre'],
  mallory: ['shop'],
  tina: ['tenants'],
  olga: ['oncall'],
  paul: ['platform'],
};
const people = new Map<string, Person>();
const who = (name: string): Person => people.get(name) as Person;

beforeAll(async () => {
  plane = await OwnPlane.start();
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  world = await World.start({ agent: false, kubeconfig: plane.kubeconfig });
  await installGates(world.cluster, { everybody: false });
  for (const object of gateRoles()) await world.apply(object);
  await world.startAgent({ gates: true });
  for (const [name, groups] of Object.entries(GROUPS))
    people.set(name, await Person.with({ name, groups }, await plane.kubeconfigOf(name, groups)));
  const { namespace, target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'checker', namespace } });
  const account = { name: `system:serviceaccount:${namespace}:checker`, groups: robots(namespace) };
  robot = await Person.with(account, await plane.kubeconfigOfAccount({ namespace, name: 'checker' }, dir));
  await bind('plumb-approver', ['sre', `system:serviceaccounts:${namespace}`], namespace);
  await bind('edit', ['tenants'], namespace);
  await bind('plumb-operator', ['oncall']);
  await bind('plumb-policy-admin', ['platform']);
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const commit = await world.repository.commit(settings('1'), 'Change', ALICE);
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  const metadata = { name: 'people', namespace };
  const data = { alice: 'user: alice\ngit: alice@example.test\n' };
  await world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  await policy(world, 'peers', {
    approvals: [{ name: 'two', count: 2, groups: ['sre'], notAuthor: true }],
    identitiesRef: { name: 'people' },
  });
});

afterAll(async () => {
  for (const { cluster } of [...people.values(), robot]) await cluster.close();
  await world.close();
  await plane.close();
  await rm(dir, { recursive: true, force: true });
});

const ALICE = 'Alice Liddell <alice@example.test>';
const robots = (namespace: string): string[] => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
const settings = (a: string): Record<string, string> => {
  return { 'apps/settings.yaml': configMap(world.target, 'settings', { a }) };
};
const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

/** Gives groups a role: in a namespace, or everywhere. */
async function bind(role: string, groups: readonly string[], namespace?: string): Promise<void> {
  await world.apply({
    apiVersion: `${RBAC}/v1`,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name: role, ...(namespace !== undefined && { namespace }) },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: groups.map((name) => ({ apiGroup: RBAC, kind: 'Group', name })),
  });
}

const held = (revision: string): Promise<Change> => {
  return changeOf(world, 'apps', 'be held', (one) => one.spec.revision === revision && inPhase('Pending')(one));
};
const says = (change: Change, message: string): Promise<Change> => {
  return changeOf(world, 'apps', `say: ${message}`, ({ metadata, status }) => {
    return metadata.name === change.metadata.name && status?.message === message;
  });
};
const refused = (words: string): object => ({
  code: 'api-forbidden',
  message: expect.stringContaining(words) as string,
});
const inNamespace = (kind: KindRef, name: string) => ({ ...kind, namespace: world.namespace, name });

let stale: Change;
let change: Change;

describe('the life of a change', () => {
  test('the author does not approve it, under another spelling neither', async () => {
    stale = await held(await world.push(settings('2'), 'Change', ALICE));
    expect(stale.status?.message).toBe('waits for 2 approvals by group sre');
    await who('alice').says('Approve', stale);
    await who('Alice').says('Approve', stale);
    await says(stale, 'waits for 2 more approvals by group sre (that of an author does not count)');
    await who('bob').says('Approve', stale);
    await says(stale, 'waits for 1 more approval by group sre (that of an author does not count)');
  });

  test('what was said of one that is of the past is said of no other', async () => {
    change = await held(await world.push(settings('3'), 'Change', ALICE));
    await who('carol').says('Approve', stale);
    await who('carol').says('Approve', change, { digest: stale.spec.digest });
    await who('bob').says('Approve', change, { digest: stale.spec.digest });
    await world.judgedAnew('apps');
    await says(change, 'waits for 2 approvals by group sre');
    expect(await value()).toBe('1');
  });

  test('the API server takes nothing said in another name, nor with groups of others', async () => {
    await expect(who('bob').says('Approve', change, { by: 'carol' })).rejects.toMatchObject(
      refused('nobody approves in the name of somebody else'),
    );
    const groups = ['sre', 'oncall', 'system:authenticated'];
    await expect(who('bob').says('Approve', change, { groups })).rejects.toMatchObject(
      refused('spec.groups must be the groups of the user'),
    );
    await expect(robot.says('Approve', change, { by: 'bob' })).rejects.toMatchObject(
      refused('nobody approves in the name of somebody else'),
    );
  });

  test('whoever was given no right says nothing', async () => {
    await expect(who('mallory').says('Approve', change)).rejects.toMatchObject(
      refused('cannot create resource "approvals"'),
    );
    await expect(who('mallory').cluster.list(CHANGE, { namespace: world.namespace })).rejects.toMatchObject(
      refused('cannot list resource "changes"'),
    );
  });

  test('nobody changes what was said: approvers may not, and whoever may is refused', async () => {
    const made = await who('bob').says('Approve', change);
    await says(change, 'waits for 1 more approval by group sre');
    const key = inNamespace(APPROVAL, made.metadata.name);
    const edit = { spec: { decision: 'Reject' } };
    await expect(who('bob').cluster.patch(key, edit, { type: 'merge' })).rejects.toMatchObject(
      refused('cannot patch resource "approvals"'),
    );
    await expect(world.cluster.patch(key, edit, { type: 'merge' })).rejects.toMatchObject(
      refused('an approval cannot be changed'),
    );
  });

  test('with the second approval it is applied, and the record says by whom', async () => {
    await who('carol').says('Approve', change);
    await world.applied('apps', change.spec.revision);
    expect(await value()).toBe('3');
    const done = await changeOf(world, 'apps', 'be applied', (one) => {
      return one.metadata.name === change.metadata.name && inPhase('Applied')(one);
    });
    const evidence = done.status?.requirements?.find(({ rule }) => rule === 'approvals/two')?.evidence ?? [];
    expect(evidence.map((text) => text.replace(/Approval\/\S+ (by \w+) .*/, '$1')).toSorted()).toEqual([
      'by bob',
      'by carol',
    ]);
  });

  test('a service account approves by the groups that its token gives it', async () => {
    await policy(world, 'peers', {
      approvals: [{ name: 'checked', count: 1, groups: [`system:serviceaccounts:${world.namespace}`] }],
    });
    change = await held(await world.push(settings('4'), 'Change', ALICE));
    await who('bob').says('Approve', change);
    await expect(robot.says('Approve', change, { groups: ['sre'] })).rejects.toMatchObject(
      refused('spec.groups must be the groups of the user'),
    );
    expect(await value()).toBe('3');
    await robot.says('Approve', change);
    await world.applied('apps', change.spec.revision);
    expect(await value()).toBe('4');
  });
});

describe('the roles that are shipped', () => {
  const attempts: Record<string, (by: Person) => Promise<unknown>> = {
    approve: (by) => by.says('Approve', change),
    reject: (by) => by.says('Reject', change),
    'take back': async (by) => {
      const { metadata } = await world.cluster.create(await sample());
      return by.cluster.delete(inNamespace(APPROVAL, metadata.name));
    },
    'write a status': (by) => {
      const patch = { status: { phase: 'Applied' } };
      const key = inNamespace(CHANGE, change.metadata.name);
      return by.cluster.patch(key, patch, { type: 'merge', subresource: 'status' });
    },
    'write a change': (by) => {
      return by.cluster.patch(inNamespace(CHANGE, change.metadata.name), { spec: { digest: 'x' } }, { type: 'merge' });
    },
    'delete a change': (by) => by.cluster.delete(inNamespace(CHANGE, change.metadata.name)),
    'delete a policy': (by) => by.cluster.delete(inNamespace(RELEASE_POLICY, 'spare')),
    'make a policy': (by) => {
      const metadata = { name: `${by.name}-own`, namespace: world.namespace };
      const spec = { select: { names: ['none'] } };
      return by.cluster.create({ apiVersion: 'plumb.dev/v1', kind: 'ReleasePolicy', metadata, spec });
    },
    'make a policy of the cluster': (by) => {
      const spec = { select: { names: ['none'] } };
      const metadata = { name: `${by.name}-own` };
      return by.cluster.create({ apiVersion: 'plumb.dev/v1', kind: 'ClusterReleasePolicy', metadata, spec });
    },
    'lock down': (by) => {
      const spec = { reason: 'x', by: by.name, until: '2100-01-01T00:00:00Z', select: { names: ['none'] } };
      const metadata = { name: `${by.name}-own` };
      return by.cluster.create({ apiVersion: 'plumb.dev/v1', kind: 'Lockdown', metadata, spec });
    },
    'look at changes': (by) => by.cluster.list(CHANGE, { namespace: world.namespace }),
    'look at policies': (by) => by.cluster.list(RELEASE_POLICY, { namespace: world.namespace }),
    'look at lockdowns': (by) => by.cluster.list(LOCKDOWN),
    'look at policies of the cluster': (by) => by.cluster.list(CLUSTER_RELEASE_POLICY),
    'look at a unit': (by) => by.cluster.get(world.unitKey('apps')),
    'give itself a role': (by) => {
      const metadata = { name: `${by.name}-own`, namespace: world.namespace };
      const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: 'plumb-approver' };
      const subjects = [{ apiGroup: RBAC, kind: 'User', name: by.name }];
      return by.cluster.create({ apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects });
    },
  };

  /** An approval of nothing, by the administrator. */
  async function sample() {
    const spec = { change: 'none', digest: 'none', decision: 'Reject', by: 'plumb-admin', groups: MASTERS };
    return { apiVersion: 'plumb.dev/v1', kind: 'Approval', metadata: { ...named(), namespace: world.namespace }, spec };
  }
  const MASTERS = ['system:masters', 'system:authenticated'];
  let count = 0;
  const named = () => ({ name: `sample-${count++}` });

  const LOOK = ['look at changes', 'look at policies'];
  const EVERYWHERE = ['look at lockdowns', 'look at policies of the cluster', 'look at a unit'];

  test.each<[string, string, string[]]>([
    ['sre', 'carol', ['approve', 'reject', ...LOOK, 'look at a unit']],
    ['edit in the namespace', 'tina', LOOK],
    ['operators', 'olga', ['lock down', ...LOOK, ...EVERYWHERE]],
    [
      'who makes policies',
      'paul',
      ['take back', 'delete a policy', 'make a policy', 'make a policy of the cluster', ...LOOK, ...EVERYWHERE],
    ],
    ['nobody in particular', 'mallory', []],
  ])('let %s do what they are for, and nothing else', async (_what, name, expected) => {
    await policy(world, 'spare', { select: { names: ['none'] } });
    const came: Record<string, string> = {};
    for (const [what, attempt] of Object.entries(attempts)) {
      came[what] = await attempt(who(name)).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    }
    const wanted = Object.keys(attempts).map((what) => [what, expected.includes(what) ? 'done' : 'api-forbidden']);
    expect(came).toEqual(Object.fromEntries(wanted));
  });
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
