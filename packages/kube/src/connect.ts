import { userError } from '@plumb/api';
import type { Access } from './access/access.ts';
import { InClusterAccess, type InClusterOptions } from './access/in-cluster-access.ts';
import { kubeconfigAccess } from './access/kubeconfig.ts';
import { clusterOver } from './cluster-over.ts';
import type { Cluster, RequestCounter } from './cluster.ts';

export interface ConnectOptions {
  /** Path of a kubeconfig file. */
  kubeconfig?: string;
  /** Use the service account of the pod this runs in. */
  inCluster?: boolean | InClusterOptions;
  /** A context of the kubeconfig other than its current one. */
  context?: string;
  userAgent?: string;
  counter?: RequestCounter;
  /** Requests in flight, watches not counted. Default 64. */
  maxInFlight?: number;
}

const MAX_IN_FLIGHT = 64;

/**
 * Connects to an API server. The connection itself is opened by the first request, and again whenever it is lost.
 * @throws invalid-path, invalid-spec, invalid-url, authentication-failed for a kubeconfig that cannot be used.
 */
export async function connect(options: ConnectOptions): Promise<Cluster> {
  const { maxInFlight = MAX_IN_FLIGHT, userAgent = 'plumb', counter } = options;
  return clusterOver(await accessOf(options), { maxInFlight, userAgent, counter });
}

async function accessOf(options: ConnectOptions): Promise<Access> {
  const { kubeconfig, inCluster, context } = options;
  if (kubeconfig !== undefined) return kubeconfigAccess(kubeconfig, context);
  if (inCluster === undefined || inCluster === false) {
    throw userError('invalid-spec', "no API server to connect to: give a kubeconfig or use the pod's service account");
  }
  return new InClusterAccess(inCluster === true ? {} : inCluster);
}
