import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  asPlumbError,
  CHANGE,
  CLUSTER_RELEASE_POLICY,
  gateAdmission,
  gateCrds,
  LOCKDOWN,
  RELEASE_POLICY,
  type ApprovalSpec,
  type Change,
  type JsonObject,
  type KubeObject,
} from '@plumb/api';
import { connect, type Cluster } from '@plumb/kube';
import { inject } from 'vitest';
import type { World } from './world.ts';

const RBAC = 'rbac.authorization.k8s.io';

/**
 * What a cluster with gates has: their kinds, and what makes the API server vouch for who approves. Resolves when all of it is in force. By default everybody
 * may make approvals.
 */
export async function installGates(cluster: Cluster, { everybody = true } = {}): Promise<void> {
  for (const object of [...gateCrds(), ...gateAdmission(), ...(everybody ? APPROVERS : [])]) {
    await cluster.apply(object, { fieldManager: 'test', force: true });
  }
  const forged = approval('default', { change: 'none', digest: 'none', decision: 'Approve', by: 'somebody else' });
  for (;;) {
    try {
      await cluster.create(forged, { dryRun: true });
    } catch (thrown) {
      const { message } = asPlumbError(thrown);
      if (message.includes('spec.by must be the user')) break;
    }
    await sleep(50);
  }
  await untilOld(cluster);
}

/** Approvals made at the very moment at which the policy came are not believed. */
async function untilOld(cluster: Cluster): Promise<void> {
  const key = {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    namespace: '',
    name: 'approvals.plumb.dev',
  };
  const made = Date.parse((await cluster.get(key))?.metadata.creationTimestamp ?? '');
  await sleep(Math.max(0, made + 4_000 - Date.now()));
}

/** What stands above namespaces is in force within this time, and nothing tells of the moment. Milliseconds. */
const IN_FORCE_WITHIN = 2_000;

/** Everybody who is known may approve: what counts is up to policies. */
const APPROVERS: readonly KubeObject[] = [
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'test-approver' },
    rules: [
      {
        apiGroups: ['plumb.dev'],
        resources: ['approvals'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update'],
      },
      { apiGroups: ['plumb.dev'], resources: ['changes', 'plans'], verbs: ['get', 'list', 'watch'] },
    ],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'test-approver' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'test-approver' },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: 'system:authenticated' }],
  },
];

function approval(namespace: string, spec: ApprovalSpec): KubeObject {
  const name = `approval-${randomBytes(4).toString('hex')}`;
  return {
    apiVersion: 'plumb.dev/v1',
    kind: 'Approval',
    metadata: { name, namespace },
    spec: spec as unknown as JsonObject,
  };
}

/** Somebody at a keyboard, or a program that acts for them. */
export class Person {
  readonly name: string;
  readonly groups: readonly string[];
  /** The path of their kubeconfig. */
  readonly kubeconfig: string;
  readonly cluster: Cluster;

  private constructor(
    who: { name: string; groups: readonly string[] },
    access: { kubeconfig: string; cluster: Cluster },
  ) {
    this.name = who.name;
    this.groups = who.groups;
    this.kubeconfig = access.kubeconfig;
    this.cluster = access.cluster;
  }

  /** By default at the cluster that all scenarios share. */
  static async named(
    name: string,
    groups: readonly string[],
    { dir, kubeconfig = inject('kubeconfig') }: { dir: string; kubeconfig?: string },
  ): Promise<Person> {
    const config = JSON.parse(await readFile(kubeconfig, 'utf8')) as { users: { user: JsonObject }[] };
    for (const { user } of config.users)
      Object.assign(user, { as: name, 'as-groups': [...groups, 'system:authenticated'] });
    // The control plane writes it as JSON.
    const path = join(dir, `${randomBytes(4).toString('hex')}.json`);
    await writeFile(path, JSON.stringify(config));
    return Person.with({ name, groups }, path);
  }

  /** Somebody who comes with credentials of their own: by these they are who is said, whatever the test says. */
  static async with(who: { name: string; groups: readonly string[] }, kubeconfig: string): Promise<Person> {
    const cluster = await connect({ kubeconfig, userAgent: 'plumb-test' });
    return new Person(who, { kubeconfig, cluster });
  }

  /** Says something of a change as it is now. */
  async says(decision: 'Approve' | 'Reject', change: Change, more: Partial<ApprovalSpec> = {}): Promise<KubeObject> {
    const { namespace = '', name } = change.metadata;
    const groups = [...this.groups, 'system:authenticated'];
    const { digest } = change.spec;
    const spec = { change: name, digest, decision, by: this.name, groups, ...more };
    return this.cluster.create(approval(namespace, spec));
  }
}

/** The change of a unit that is held, once it is as asked. */
export async function changeOf(
  world: World,
  unit: string,
  what: string,
  holds: (change: Change) => boolean = () => true,
): Promise<Change> {
  const over = AbortSignal.timeout(60_000);
  const { namespace } = world;
  let seen: Change[] = [];
  while (!over.aborted) {
    const { items } = await world.cluster.list(CHANGE, { namespace });
    seen = items as unknown as Change[];
    const found = seen.find((change) => change.spec.unit.name === unit && holds(change));
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`no change of ${unit} came to ${what}; seen: ${JSON.stringify(seen, null, 1)}`);
}

export function inPhase(phase: string): (change: Change) => boolean {
  return ({ status }) => status?.phase === phase;
}

/** A policy for the units of a scenario's namespace, once the agent judges by it: its status says so. */
export async function policy(world: World, name: string, spec: JsonObject): Promise<KubeObject> {
  const metadata = { name, namespace: world.namespace };
  const made = await world.apply({ apiVersion: 'plumb.dev/v1', kind: 'ReleasePolicy', metadata, spec });
  const key = { ...RELEASE_POLICY, ...metadata };
  const told = await world.until(key, 'be judged by', (object) => {
    const { observedGeneration = 0 } = (object?.['status'] ?? {}) as { observedGeneration?: number };
    return observedGeneration >= (made.metadata.generation ?? 0);
  });
  return told as KubeObject;
}

/** A policy of the cluster that selects the units of a scenario's namespace only. */
export async function clusterPolicy(world: World, name: string, spec: JsonObject): Promise<() => Promise<void>> {
  const metadata = { name: `${world.namespace}-${name}` };
  const select = { ...(spec['select'] as JsonObject | undefined), namespaces: [world.namespace] };
  await world.apply({ apiVersion: 'plumb.dev/v1', kind: 'ClusterReleasePolicy', metadata, spec: { ...spec, select } });
  await sleep(IN_FORCE_WITHIN);
  return async () =>
    void (await world.cluster.delete({ ...CLUSTER_RELEASE_POLICY, namespace: '', name: metadata.name }));
}

/** Locks the units of a scenario's namespace down. */
export async function lockdown(world: World, by: Person, spec: JsonObject): Promise<() => Promise<void>> {
  const metadata = { name: `${world.namespace}-${randomBytes(3).toString('hex')}` };
  const whole = { by: by.name, ...spec, select: { namespaces: [world.namespace] } };
  await by.cluster.apply(
    { apiVersion: 'plumb.dev/v1', kind: 'Lockdown', metadata, spec: whole },
    { fieldManager: 'test', force: true },
  );
  await sleep(IN_FORCE_WITHIN);
  return async () => void (await world.cluster.delete({ ...LOCKDOWN, namespace: '', name: metadata.name }));
}
