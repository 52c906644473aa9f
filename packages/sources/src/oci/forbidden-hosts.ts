import { BlockList, isIP } from 'node:net';
import { lookupGuardedBy } from '../net/guarded-lookup.ts';

/** Where metadata of clouds and what is bound to one machine are served: no registry is there, and secrets are. */
const FORBIDDEN = new BlockList();
FORBIDDEN.addSubnet('0.0.0.0', 8, 'ipv4');
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4');
FORBIDDEN.addSubnet('224.0.0.0', 3, 'ipv4');
FORBIDDEN.addAddress('100.100.100.200', 'ipv4');
FORBIDDEN.addAddress('168.63.129.16', 'ipv4');
FORBIDDEN.addAddress('::', 'ipv6');
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6');
FORBIDDEN.addSubnet('ff00::', 8, 'ipv6');
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6');
FORBIDDEN.addAddress('fd20:ce::254', 'ipv6');

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isIn(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Whether a host says by its very name that it is this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || isIn(LOOPBACK, bare(hostname));
}

/** Why nothing is asked of an address; null when it may be. A name that leads to this machine without saying so is a trap. */
export function addressProblem(hostname: string, address: string): string | null {
  if (isIn(FORBIDDEN, address)) return `${address} is no address that a registry has`;
  if (isIn(LOOPBACK, address) && !isLoopback(hostname)) return `it leads to ${address}, which is this machine`;
  return null;
}

/** As addressProblem, of a host that is named by its address. */
export function hostProblem(hostname: string): string | null {
  const host = bare(hostname);
  return isIP(host) === 0 ? null : addressProblem(host, host);
}

export const guardedLookup = lookupGuardedBy(addressProblem);
