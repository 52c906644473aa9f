import { localKind, lookupGuardedBy } from '@plumb/sources';

/**
 * Why a tenant may not have the agent ask a host; null where they may. What only the agent itself, or the machine it is on, may ask: itself, and what
 * hands out the identity of machines at clouds.
 */
export function tenantProblem(hostname: string): string | null {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (localKind(host) === null) return null;
  return `its address ${host} is none that a ReleasePolicy may ask: only one of the cluster may`;
}

/** Refuses names that lead to such an address. */
export const guardedLookup = lookupGuardedBy((_hostname, address) => tenantProblem(address));
