import type { ObjectKey } from '@plumb/api';
import { asPlumbError, keyId } from '@plumb/api';
import type { Cluster, ResourceInfo } from '@plumb/kube';

/** Acts as a unit's service account. */
export type Tenant = Pick<Cluster, 'get' | 'create'>;

/** Why a tenant may not read an object, in the API server's words; null where it may. The agent's own watch sees more than that. */
export async function refusal(key: ObjectKey, tenant: Pick<Tenant, 'get'>): Promise<string | null> {
  try {
    await tenant.get(key);
    return null;
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code !== 'api-forbidden') throw error;
    return error.message;
  }
}

/**
 * What a tenant may not read of many objects, by id. One question is asked about all of a kind and namespace. Where the answer is no, they are read one
 * by one, up to the first that is refused: those after it are taken to be refused like it.
 */
export async function refusals(
  keys: readonly ObjectKey[],
  tenant: Tenant,
  cluster: Pick<Cluster, 'resource'>,
): Promise<Map<string, string>> {
  const groups = Map.groupBy(keys, ({ group, version, kind, namespace }) =>
    [group, version, kind, namespace].join('/'),
  );
  const found = await Promise.all(
    [...groups.values()].map(async (group) => {
      const resource = await cluster.resource(group[0] as ObjectKey);
      const isOpen = resource === null || (await mayReadAll(group[0] as ObjectKey, resource, tenant));
      return isOpen ? [] : refusedOf(group, tenant);
    }),
  );
  return new Map(found.flat());
}

async function refusedOf(group: readonly ObjectKey[], tenant: Tenant): Promise<[string, string][]> {
  for (const [index, key] of group.entries()) {
    const refused = await refusal(key, tenant);
    if (refused !== null) return group.slice(index).map((other) => [keyId(other), refused]);
  }
  return [];
}

/** Whether a tenant may read every object of a kind in a namespace. One that may not even ask is taken not to. */
async function mayReadAll(
  { group, version, namespace }: ObjectKey,
  { resource }: ResourceInfo,
  tenant: Tenant,
): Promise<boolean> {
  try {
    const answer = await tenant.create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: { name: '' },
      spec: { resourceAttributes: { verb: 'get', group, version, resource, namespace } },
    });
    return (answer['status'] as { allowed?: boolean } | undefined)?.allowed === true;
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code !== 'api-forbidden') throw error;
    return false;
  }
}
