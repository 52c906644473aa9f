import { CLUSTER_RELEASE_POLICY, RELEASE_POLICY, userError, type KindRef, type KubeObject } from '@plumb/api';
import { policyFacts, referredNamespace, type PolicyFacts } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { asking, type GateCluster } from '../gates/asking.ts';

/** What a cluster tells of its policies. */
export interface ClusterPolicies {
  policies: PolicyFacts[];
  /** What they look up: namespaces, and the ConfigMaps that say who authors are. */
  objects: KubeObject[];
}

const NAMESPACE: KindRef = { group: '', version: 'v1', kind: 'Namespace' };
const CONFIG_MAP: KindRef = { group: '', version: 'v1', kind: 'ConfigMap' };

/** Reads the policies of a cluster, with what they ask for. @throws PlumbError where it serves none of their kinds, or they may not be read */
export async function clusterPolicies(
  cluster: GateCluster & Pick<Cluster, 'get'>,
  signal: AbortSignal,
): Promise<ClusterPolicies> {
  const found: KubeObject[] = [];
  for (const kind of [RELEASE_POLICY, CLUSTER_RELEASE_POLICY]) {
    if ((await cluster.resource(kind)) === null)
      throw userError('invalid-spec', 'the cluster serves no policies: give them in files (--policy)');
    found.push(...(await asking(cluster, kind, 'list', () => cluster.list(kind, { signal }))).items);
  }
  const policies = found.map(policyFacts);
  const objects = await namespacesFor(policies, cluster, signal);
  for (const { spec, namespace } of policies) {
    const { identitiesRef } = spec;
    if (identitiesRef === undefined) continue;
    const place = referredNamespace(identitiesRef, namespace);
    const object = await cluster
      .get({ ...CONFIG_MAP, namespace: place, name: identitiesRef.name }, { signal })
      .catch(() => null);
    signal.throwIfAborted();
    if (object !== null) objects.push(object);
  }
  return { policies, objects };
}

/** What may not be read is not known, and told so where a rule asks for it. */
async function namespacesFor(
  policies: readonly PolicyFacts[],
  cluster: GateCluster,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  if (policies.length === 0) return [];
  const found = await cluster.list(NAMESPACE, { signal }).catch(() => null);
  signal.throwIfAborted();
  return found?.items ?? [];
}
