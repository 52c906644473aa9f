import { asPlumbError, reworded, type KindRef, type PlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

const RESOURCES: Readonly<Record<string, string>> = {
  Approval: 'approvals',
  Change: 'changes',
  ClusterReleasePolicy: 'clusterreleasepolicies',
  HelmRelease: 'helmreleases',
  Kustomization: 'kustomizations',
  Lockdown: 'lockdowns',
  Plan: 'plans',
  ReleasePolicy: 'releasepolicies',
};

/** The API server as a person asks it about gates. */
export type GateCluster = Pick<
  Cluster,
  'create' | 'delete' | 'get' | 'list' | 'resource' | 'watch' | 'withPriority'
> & {
  readonly connection: Pick<Cluster['connection'], 'time'>;
};

/** Asks about a kind of gates. @throws PlumbError that says what to do where the cluster has no gates, or its RBAC refuses */
export async function asking<T>(
  cluster: Pick<GateCluster, 'resource'>,
  kind: KindRef,
  verb: 'create' | 'delete' | 'get' | 'list' | 'watch',
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    const error = asPlumbError(thrown);
    if (error.code === 'api-forbidden') throw forbidden(error, kind, verb);
    if (error.code !== 'api-not-found' || (await cluster.resource(kind)) !== null) throw error;
    throw reworded(
      error,
      `the cluster serves no kind ${kind.kind} of ${kind.group}, so that nothing is held in it; 'plumb crds --gates' prints the kinds to install`,
    );
  }
}

/** What admission refuses says itself what is wrong; of a refusal by RBAC it is known which right is missing. */
export function forbidden(error: PlumbError, { group, kind }: KindRef, verb: string): PlumbError {
  if (!/ cannot \w+ resource /.test(error.message)) return error;
  const right = `${verb} ${RESOURCES[kind] ?? kind}${group === '' ? '' : `.${group}`}`;
  return reworded(error, `${error.message}; ask whoever runs the cluster for a role that may ${right}`);
}
