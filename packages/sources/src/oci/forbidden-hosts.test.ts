import { expect, test } from 'vitest';
import { addressProblem, guardedLookup, hostProblem, isLoopback } from './forbidden-hosts.ts';

test.each([['169.254.169.254'], ['0.0.0.0'], ['[fd20:ce::254]'], ['[64:ff9b::a9fe:a9fe]']])(
  '%s is never asked',
  (host) => {
    expect(hostProblem(host)).toContain('is no address that a registry has');
  },
);

test.each([['10.0.0.1'], ['127.0.0.1'], ['[::1]'], ['localhost'], ['registry.example']])('%s may be asked', (host) => {
  expect(hostProblem(host)).toBeNull();
});

test('a name that leads to this machine without saying so is a trap', () => {
  expect(addressProblem('registry.example', '127.0.0.1')).toContain('which is this machine');
  expect(addressProblem('registry.example', '::ffff:127.0.0.1')).toContain('which is this machine');
  expect(addressProblem('localhost', '127.0.0.1')).toBeNull();
  expect([isLoopback('localhost'), isLoopback('localhost.example')]).toEqual([true, false]);
});

test('what a name leads to is looked at when it is looked up', async () => {
  const found = await new Promise((resolve) => {
    guardedLookup('localhost', { all: true }, (error, addresses) => resolve(error ?? addresses));
  });
  expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ address: expect.any(String) as string })]));
});
