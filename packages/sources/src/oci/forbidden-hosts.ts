import { localKind } from '../net/addresses.ts';
import { lookupGuardedBy } from '../net/guarded-lookup.ts';

/** Whether a host says by its very name that it is this machine. */
export function isLoopback(hostname: string): boolean {
  return localKind(hostname) === 'loopback';
}

/** Why nothing is asked of an address; null when it may be. A name that leads to this machine without saying so is a trap. */
export function addressProblem(hostname: string, address: string): string | null {
  const kind = localKind(address);
  if (kind === 'link') return `${address} is no address that a registry has`;
  return kind === 'loopback' && !isLoopback(hostname) ? `it leads to ${address}, which is this machine` : null;
}

/** As addressProblem, of a host that is named by its address. */
export function hostProblem(hostname: string): string | null {
  return addressProblem(hostname, hostname.replace(/^\[|\]$/g, ''));
}

export const guardedLookup = lookupGuardedBy(addressProblem);
