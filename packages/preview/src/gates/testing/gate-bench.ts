import { CHANGE, gateCrds, type Change, type ChangeStatus, type JsonObject, type KubeObject } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import type { GateCluster } from '../asking.ts';
import type { Someone } from '../who-am-i.ts';

/** When it is in the cluster. */
export const NOW = Date.parse('2026-11-27T12:00:00Z');
export const NAMESPACE = 'flux-system';

/** A cluster with gates, which takes whoever asks for one person. */
export async function clusterWithGates(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({ clock: { now: () => NOW } });
  for (const definition of gateCrds()) await cluster.create(definition);
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  return cluster;
}

/** The same cluster as it answers somebody: one in memory knows nobody. */
export function seenBy(cluster: MemoryCluster, { name, groups }: Someone): GateCluster {
  const userInfo = { ...(name !== '' && { username: name }), groups };
  return {
    connection: cluster.connection,
    create: (object, options) =>
      object.kind === 'SelfSubjectReview'
        ? Promise.resolve({ ...object, status: { userInfo } })
        : cluster.create(object, options),
    delete: (...args) => cluster.delete(...args),
    get: (...args) => cluster.get(...args),
    list: (...args) => cluster.list(...args),
    resource: (kind) => cluster.resource(kind),
    watch: (...args) => cluster.watch(...args),
    withPriority: (priority) => cluster.withPriority(priority),
  };
}

export const changeKey = (name: string) => ({ ...CHANGE, namespace: NAMESPACE, name });

/** A change of the Kustomization apps. */
export async function heldChange(
  cluster: MemoryCluster,
  name: string,
  status: Partial<ChangeStatus> = {},
): Promise<Change> {
  const unit = { kind: 'Kustomization', namespace: NAMESPACE, name: 'apps', uid: 'u1' };
  const spec = {
    unit,
    cluster: 'own',
    cause: 'routine',
    revision: 'main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9',
    digest: `sha256:${name}`,
    bundleDigest: 'b1',
    authors: [],
  };
  await cluster.create(object('Change', { name, namespace: NAMESPACE }, spec));
  return judged(cluster, name, { phase: 'Pending', message: 'waits for 2 approvals by group sre', ...status });
}

/** The agent says how a change stands. */
export async function judged(cluster: MemoryCluster, name: string, status: Partial<ChangeStatus>): Promise<Change> {
  const patch = { status: status as unknown as JsonObject };
  const answer = await cluster.patch(changeKey(name), patch, { type: 'merge', subresource: 'status' });
  return answer as unknown as Change;
}

/** An object of plumb.dev. */
export function object(kind: string, metadata: KubeObject['metadata'], spec: object): KubeObject {
  return { apiVersion: 'plumb.dev/v1', kind, metadata, spec };
}
