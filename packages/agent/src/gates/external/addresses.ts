import { BlockList, isIP } from 'node:net';
import { lookupGuardedBy } from '@plumb/sources';

/** What only the agent itself, or the machine it is on, may ask: itself, and what hands out the identity of machines at clouds. */
const OWN = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const)
  OWN.addSubnet(network, bits, 'ipv4');
// Alibaba Cloud and Azure have theirs outside of link-local addresses.
for (const address of ['100.100.100.200', '168.63.129.16']) OWN.addAddress(address, 'ipv4');
for (const [network, bits] of [
  ['::', 127],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  // The same of IPv4, translated (RFC 6052).
  ['64:ff9b::7f00:0', 104],
  ['64:ff9b::a9fe:0', 112],
] as const)
  OWN.addSubnet(network, bits, 'ipv6');

/** Whether an address is none that a tenant may have the agent ask. */
export function isOwnAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && OWN.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

export function refusal(address: string): string {
  return `its address ${address} is none that a ReleasePolicy may ask: only one of the cluster may`;
}

/** Refuses names that lead to such an address. */
export const guardedLookup = lookupGuardedBy((_hostname, address) => (isOwnAddress(address) ? refusal(address) : null));
