import { userError } from '@plumb/api';
import type { Access } from './access/access.ts';
import { InClusterAccess, type InClusterOptions } from './access/in-cluster-access.ts';
import { kubeconfigAccess } from './access/kubeconfig.ts';
import { ApiCluster } from './client/api-cluster.ts';
import { Caller } from './client/caller.ts';
import { Discovery } from './client/discovery.ts';
import type { Cluster, RequestCounter } from './cluster.ts';
import { NegotiatedWire } from './transport/negotiated-wire.ts';
import { Transport } from './transport/transport.ts';
import { RequestWindow } from './transport/window.ts';

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
const KEEP_ALIVE = { interval: 15_000, deadline: 10_000 };
const LIMITS = { timeout: 60_000, body: 64 * 1024 * 1024 };

/**
 * Connects to an API server. The connection itself is opened by the first request, and again whenever it is lost.
 * @throws invalid-path, invalid-spec, invalid-url, authentication-failed for a kubeconfig that cannot be used.
 */
export async function connect(options: ConnectOptions): Promise<Cluster> {
  const access = await accessOf(options);
  const transport = new Transport(access, {
    wire: new NegotiatedWire(access, KEEP_ALIVE),
    window: new RequestWindow(options.maxInFlight ?? MAX_IN_FLIGHT),
    limits: LIMITS,
    counter: options.counter,
  });
  const agent = { 'user-agent': options.userAgent ?? 'plumb' };
  const caller = new Caller(transport, { ...agent, ...access.impersonation });
  const discovery = new Discovery((path, accept) =>
    caller.json({ verb: 'discover', resource: 'discovery', method: 'GET', path, accept, subject: { what: `get ${path}`, secret: false, names: [] } }),
  );
  return new ApiCluster({ transport, discovery, agent, owner: true }, caller);
}

async function accessOf(options: ConnectOptions): Promise<Access> {
  const { kubeconfig, inCluster, context } = options;
  if (kubeconfig !== undefined) return kubeconfigAccess(kubeconfig, context);
  if (inCluster === undefined || inCluster === false) {
    throw userError('invalid-spec', 'no API server to connect to: give a kubeconfig or use the pod\'s service account');
  }
  return new InClusterAccess(inCluster === true ? {} : inCluster);
}
