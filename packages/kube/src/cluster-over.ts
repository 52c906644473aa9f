import type { Access } from './access/access.ts';
import { ApiCluster } from './client/api-cluster.ts';
import { Caller } from './client/caller.ts';
import { Discovery } from './client/discovery.ts';
import { ListGate } from './client/list-gate.ts';
import type { Cluster, RequestCounter } from './cluster.ts';
import type { KeepAlive } from './transport/http2-wire.ts';
import { NegotiatedWire } from './transport/negotiated-wire.ts';
import { Transport, type TransportLimits } from './transport/transport.ts';
import { RequestWindow } from './transport/window.ts';

export interface ClusterSettings {
  readonly userAgent: string;
  readonly maxInFlight: number;
  readonly counter?: RequestCounter | undefined;
  readonly keepAlive?: KeepAlive;
  readonly limits?: TransportLimits;
}

const KEEP_ALIVE = { interval: 15_000, deadline: 10_000 };
const LIMITS = { timeout: 60_000, body: 64 * 1024 * 1024 };

/** Puts the parts together: wire, transport, discovery and the port over them. */
export function clusterOver(access: Access, settings: ClusterSettings): Cluster {
  const { userAgent, maxInFlight, counter, keepAlive = KEEP_ALIVE, limits = LIMITS } = settings;
  const wire = new NegotiatedWire(access, keepAlive);
  const agent = { 'user-agent': userAgent };
  const headers = { ...agent, ...access.impersonation };
  const window = new RequestWindow(maxInFlight);
  const transport = new Transport(access, { wire, window, limits, counter, headers });
  const onUnknownPath = (path: string): void => discovery.forget(path);
  const caller = new Caller(transport, headers, { priority: 'request', onUnknownPath });
  const discovery: Discovery = new Discovery((path, accept) => {
    const subject = { what: `get ${path}`, secret: false, names: [] };
    return caller.json({ verb: 'discover', resource: 'discovery', method: 'GET', path, accept, subject });
  });
  return new ApiCluster({ transport, discovery, lists: new ListGate(), agent, owner: true }, caller);
}
