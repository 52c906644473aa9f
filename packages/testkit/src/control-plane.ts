import { randomBytes } from 'node:crypto';

import { systemError } from '@plumb/api';
import { type Cluster, connect } from '@plumb/kube';
import { inject } from 'vitest';

import type {} from './control-plane.setup.ts';

/** A connection, as the administrator, to the control plane that the run's tests share. Close it in `afterAll`. */
export function testCluster(): Promise<Cluster> {
  return connect({ kubeconfig: inject('kubeconfig'), userAgent: 'plumb-test' });
}

const SERVICE_ACCOUNT = { group: '', version: 'v1', kind: 'ServiceAccount' };

/** A namespace of its own for one test, usable: its default ServiceAccount is there. @returns its name */
export async function freshNamespace(cluster: Cluster): Promise<string> {
  const name = `test-${randomBytes(5).toString('hex')}`;
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await firstObject(cluster, name);
  return name;
}

async function firstObject(cluster: Cluster, namespace: string): Promise<void> {
  const selection = { namespace, fieldSelector: 'metadata.name=default' };
  const { items, resourceVersion } = await cluster.list(SERVICE_ACCOUNT, selection);
  if (items.length > 0) return;
  const signal = AbortSignal.timeout(30_000);
  for await (const event of cluster.watch(SERVICE_ACCOUNT, { ...selection, resourceVersion, signal })) {
    if (event.type === 'added') return;
  }
  throw systemError(
    'timeout',
    `namespace ${namespace} got no default ServiceAccount: does the controller-manager run?`,
  );
}
