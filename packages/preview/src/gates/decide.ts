import { randomBytes } from 'node:crypto';
import {
  APPROVAL,
  CHANGE,
  apiVersionOf,
  userError,
  type ApprovalSpec,
  type Change,
  type JsonObject,
  type KubeObject,
} from '@plumb/api';
import { asking, type GateCluster } from './asking.ts';
import { hasEnded, readChange, type ChangeId } from './changes.ts';
import { whoAmI, type Someone } from './who-am-i.ts';

/** What somebody says of a change. Empty texts are not said. */
export interface Decision {
  decision: ApprovalSpec['decision'];
  comment: string;
  /** Why the glass is broken. */
  override: string;
}

export interface Decided {
  who: Someone;
  /** The name of the Approval. */
  approval: string;
  /** The change as it was when it was approved or rejected. */
  change: Change;
}

/**
 * Approves or rejects a change as it is now, in the name that the API server knows: the Approval is of exactly its digest.
 * @throws PlumbError where the change is over, or the API server refuses
 */
export async function decide(
  cluster: GateCluster,
  id: ChangeId,
  { decision, comment, override }: Decision,
  signal: AbortSignal,
): Promise<Decided> {
  const change = await readChange(cluster, id, signal);
  refuseOver(change);
  const who = await whoAmI(cluster, signal);
  const { namespace, name } = id;
  const approval = `${name}-${randomBytes(4).toString('hex')}`;
  const spec: ApprovalSpec = {
    change: name,
    digest: change.spec.digest,
    decision,
    by: who.name,
    groups: who.groups,
    ...(comment !== '' && { comment }),
    ...(override !== '' && { override: { reason: override } }),
  };
  const object = {
    apiVersion: 'plumb.dev/v1',
    kind: 'Approval',
    metadata: { name: approval, namespace, ...goingWith(change) },
    spec: spec as unknown as JsonObject,
  };
  await asking(cluster, APPROVAL, 'create', () => cluster.create(object, { signal }));
  return { who, approval, change };
}

/** What was said of a change goes when that goes. */
function goingWith({ metadata: { name, uid } }: Change): Pick<KubeObject['metadata'], 'ownerReferences'> {
  return uid === undefined
    ? {}
    : { ownerReferences: [{ apiVersion: apiVersionOf(CHANGE), kind: CHANGE.kind, name, uid }] };
}

const ENDS: Readonly<Record<string, string>> = {
  Applied: 'is applied already',
  Failed: 'has failed',
  Superseded: 'is superseded by a newer one',
};

function refuseOver(change: Change): void {
  if (!hasEnded(change)) return;
  const { metadata, status } = change;
  const end = ENDS[status?.phase ?? ''] ?? 'is over';
  throw userError(
    'gated',
    `Change ${metadata.namespace}/${metadata.name} ${end}: nothing that is said of it counts any more; 'plumb change list' shows what waits now`,
  );
}
