import { BlockList, isIP } from 'node:net';

/**
 * Where nothing of somebody else's is: `loopback` is this machine itself; `link` what is bound to it or to its network, as the metadata of clouds,
 * which hand out the identity of machines.
 */
export type LocalKind = 'loopback' | 'link';

/** RFC 6052: what a network that speaks IPv6 alone makes of IPv4. */
const TRANSLATED = '64:ff9b::';

const LOOPBACK = listOf([['127.0.0.0', 8]], [['::1', 128]]);
const LINK = listOf(
  [
    ['0.0.0.0', 8],
    ['169.254.0.0', 16],
    ['224.0.0.0', 4],
    ['255.255.255.255', 32],
    // Alibaba Cloud and Azure have their metadata outside of link-local addresses.
    ['100.100.100.200', 32],
    ['168.63.129.16', 32],
  ],
  [
    ['::', 128],
    ['fe80::', 10],
    ['ff00::', 8],
    // Amazon and Google have theirs in private networks of their own.
    ['fd00:ec2::', 32],
    ['fd20:ce::254', 128],
  ],
);

type Networks = readonly (readonly [network: string, bits: number])[];

/** Addresses of IPv4 stand for those that map them into IPv6 as well: a BlockList knows that. */
function listOf(ipv4: Networks, ipv6: Networks): BlockList {
  const list = new BlockList();
  for (const [network, bits] of ipv4) {
    list.addSubnet(network, bits, 'ipv4');
    list.addSubnet(`${TRANSLATED}${network}`, 96 + bits, 'ipv6');
  }
  for (const [network, bits] of ipv6) list.addSubnet(network, bits, 'ipv6');
  return list;
}

/**
 * Of a host as an address names it, as far as that tells: a name may lead anywhere, which is to be looked at when it is looked up. What connects
 * reads `127.1` and `0x7f000001` as addresses, and so does this.
 */
export function localKind(hostname: string): LocalKind | null {
  const host = plain(hostname);
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback';
  const version = isIP(host);
  if (version === 0) return null;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (LOOPBACK.check(host, family)) return 'loopback';
  return LINK.check(host, family) ? 'link' : null;
}

/** Without brackets, zone and the dot at its end. */
function plain(hostname: string): string {
  const bare = hostname.replace(/^\[|\]$|%.*$|\.$/g, '');
  const url = URL.parse(`http://${isIP(bare) === 6 ? `[${bare}]` : bare}`);
  return (url?.hostname ?? bare).replace(/^\[|\]$|\.$/g, '');
}
