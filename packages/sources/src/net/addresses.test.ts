import { expect, test } from 'vitest';
import { localKind } from './addresses.ts';

test.each([
  ['localhost'],
  ['localhost.'],
  ['a.localhost'],
  ['127.0.0.1'],
  ['127.255.255.255'],
  ['127.1'],
  ['0x7f000001'],
  ['2130706433'],
  ['::1'],
  ['[::1]'],
  ['::ffff:127.0.0.1'],
  ['[::ffff:7f00:1]'],
  ['64:ff9b::127.0.0.1'],
  ['64:ff9b::7f00:1'],
])('%s is this machine', (host) => {
  expect(localKind(host)).toBe('loopback');
});

test.each([
  ['0.0.0.0'],
  ['0.1.2.3'],
  ['169.254.0.1'],
  ['169.254.169.254'],
  ['169.254.170.23'],
  ['100.100.100.200'],
  ['168.63.129.16'],
  ['224.0.0.1'],
  ['255.255.255.255'],
  ['255.255.255.255'],
  ['::'],
  ['[::]'],
  ['fe80::1'],
  ['fe80::1%eth0'],
  ['febf::1'],
  ['ff02::1'],
  ['fd00:ec2::254'],
  ['fd00:ec2::23'],
  ['[fd20:ce::254]'],
  ['::ffff:169.254.169.254'],
  ['64:ff9b::a9fe:a9fe'],
  ['64:ff9b::100.100.100.200'],
  ['64:ff9b::a83f:8110'],
  ['64:ff9b::e000:1'],
])('%s is of this machine or its network alone', (host) => {
  expect(localKind(host)).toBe('link');
});

test.each([
  ['registry.example'],
  ['localhost.example'],
  ['notlocalhost'],
  ['169.254.example'],
  ['1.1.1.1'],
  ['10.0.0.1'],
  ['100.100.100.201'],
  ['126.255.255.255'],
  ['128.0.0.1'],
  ['169.253.255.255'],
  ['172.16.0.1'],
  ['192.168.1.1'],
  ['223.255.255.255'],
  ['::2'],
  ['::ffff:10.0.0.1'],
  ['64:ff9b::10.0.0.1'],
  ['64:ff9b:1::7f00:1'],
  ['2001:db8::1'],
  ['fd00:ec3::254'],
  ['fd20:ce::255'],
  ['fec0::1'],
  [''],
  ['no host'],
])("%s is anybody's", (host) => {
  expect(localKind(host)).toBeNull();
});
