import { CHANGE, userError, type Change } from '@plumb/api';
import { isOver } from '@plumb/core';
import { asking, type GateCluster } from './asking.ts';

export interface ChangeId {
  namespace: string;
  name: string;
}

/** Changes of one namespace, or of all (null): those that are not over first, and of these the newest. */
export async function listChanges(
  cluster: GateCluster,
  namespace: string | null,
  signal: AbortSignal,
): Promise<Change[]> {
  const where = namespace === null ? {} : { namespace };
  const { items } = await asking(cluster, CHANGE, 'list', () => cluster.list(CHANGE, { ...where, signal }));
  return (items as unknown as Change[]).toSorted(byNeed);
}

function byNeed(a: Change, b: Change): number {
  const over = Number(hasEnded(a)) - Number(hasEnded(b));
  if (over !== 0) return over;
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

export function hasEnded({ status }: Change): boolean {
  return status !== undefined && isOver(status.phase);
}

/** @throws PlumbError `api-not-found` */
export async function readChange(
  cluster: GateCluster,
  { namespace, name }: ChangeId,
  signal: AbortSignal,
): Promise<Change> {
  const found = await asking(cluster, CHANGE, 'get', () => cluster.get({ ...CHANGE, namespace, name }, { signal }));
  if (found !== null) return found as unknown as Change;
  throw userError(
    'api-not-found',
    `there is no Change ${namespace}/${name} in the cluster; 'plumb change list -A' shows those there are`,
  );
}
