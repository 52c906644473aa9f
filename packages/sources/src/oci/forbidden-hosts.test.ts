import { expect, test } from 'vitest';
import { addressProblem, guardedLookup, hostProblem, isLoopback } from './forbidden-hosts.ts';

test.each([
  ['169.254.169.254'],
  ['0.0.0.0'],
  ['100.100.100.200'],
  ['168.63.129.16'],
  ['[fe80::1]'],
  ['[::]'],
  ['[fd00:ec2::254]'],
  ['[::ffff:169.254.169.254]'],
])('%s is never asked', (host) => {
  expect(hostProblem(host)).toContain('is no address that a registry has');
});

test.each([['10.0.0.1'], ['192.168.1.1'], ['127.0.0.1'], ['[::1]'], ['registry.example']])(
  '%s may be asked',
  (host) => {
    expect(hostProblem(host)).toBeNull();
  },
);

test('a name that leads to this machine without saying so is a trap', () => {
  expect(addressProblem('registry.example', '127.0.0.1')).toContain('which is this machine');
  expect(addressProblem('registry.example', '::ffff:127.0.0.1')).toContain('which is this machine');
  expect(addressProblem('localhost', '127.0.0.1')).toBeNull();
  expect([
    isLoopback('localhost'),
    isLoopback('127.0.0.2'),
    isLoopback('[::1]'),
    isLoopback('localhost.example'),
  ]).toEqual([true, true, true, false]);
});

test('what a name leads to is looked at when it is looked up', async () => {
  const found = await new Promise((resolve) => {
    guardedLookup('localhost', { all: true }, (error, addresses) => resolve(error ?? addresses));
  });
  expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ address: expect.any(String) as string })]));
});
