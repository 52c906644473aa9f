import { systemError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** A user, as the API server names them. */
export interface Someone {
  name: string;
  groups: string[];
}

/** Asks the API server who it takes the user of this connection for (SelfSubjectReview, KEP-3325). */
export async function whoAmI(cluster: Pick<Cluster, 'create'>, signal: AbortSignal): Promise<Someone> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: { name: '' } };
  const answer = await cluster.create(review, { signal });
  const { userInfo } = (answer['status'] ?? {}) as { userInfo?: { username?: string; groups?: string[] } };
  if (userInfo?.username === undefined || userInfo.username === '')
    throw systemError('api-forbidden', 'the API server does not say who you are: nobody approves without a name');
  return { name: userInfo.username, groups: userInfo.groups ?? [] };
}
