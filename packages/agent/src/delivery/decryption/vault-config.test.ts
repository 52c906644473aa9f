import { expect, test } from 'vitest';
import { loginPathsIn } from './vault-config.ts';

const configMap = (data?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'vaults', namespace: 'flux-system' },
  ...(data && { data }),
});

test('servers are found by their addresses', () => {
  const text = `instances:
  - address: https://bao-a.example.com:8200/
    loginPath: auth/kubernetes/login
  - { address: "http://bao-b:8200", loginPath: ns1/auth/jwt/login }
`;
  expect([...loginPathsIn(configMap({ 'config.yaml': text }))]).toEqual([
    ['https://bao-a.example.com:8200', 'auth/kubernetes/login'],
    ['http://bao-b:8200', 'ns1/auth/jwt/login'],
  ]);
});

test.each([
  { what: 'no data', data: undefined, says: "is missing the 'config.yaml' key" },
  { what: 'no list', data: { 'config.yaml': 'instances: {}' }, says: 'must have a list of instances' },
  { what: 'nothing', data: { 'config.yaml': '' }, says: 'must have a list of instances' },
  { what: 'half an instance', data: { 'config.yaml': 'instances: [{address: x}]' }, says: 'needs an address and a' },
  { what: 'no YAML', data: { 'config.yaml': 'a: [' }, says: "ConfigMap 'flux-system/vaults' 'config.yaml'" },
])('a ConfigMap with $what says so', ({ data, says }) => {
  expect(() => loginPathsIn(configMap(data))).toThrow(says);
});
