import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { ageKeysIn, keysIn } from './keys.ts';

function secret(data: Record<string, string | Buffer>): KubeObject {
  const encoded = Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data: Object.fromEntries(encoded) as object };
}

describe('the keys of a Secret', () => {
  test('are known by their endings and names, in the order of these', () => {
    const keys = keysIn(
      secret({
        'z.agekey': 'z',
        'a.agekey': 'a',
        'b.asc': 'b',
        'sops.vault-token': ' token\n',
        'sops.aws-kms': 'aws',
        'sops.azure-kv': 'azure',
        'sops.gcp-kms': 'gcp',
      }),
      { instance: true },
    );
    expect(keys).toEqual({
      age: ['a', 'z'],
      pgp: ['b'],
      vault: { '': { token: 'token' } },
      aws: { '': { file: 'aws' } },
      azure: { '': { file: 'azure' } },
      gcp: { file: 'gcp' },
    });
  });

  test.each([
    { what: 'nothing', data: {} },
    { what: 'other names', data: { agekey: 'x', 'key.txt': 'x', 'other.vault-token': 'x', 'aws-kms': 'x' } },
    { what: 'an empty token', data: { 'sops.vault-token': '\n' } },
  ])('are none in $what', ({ data }) => {
    expect(keysIn(secret(data), { instance: true })).toEqual({ age: [], pgp: [] });
  });

  test('of Azure name no identity of the machine where they may not', () => {
    const { azure } = keysIn(secret({ 'sops.azure-kv': 'azure' }), { instance: false });
    expect(azure).toEqual({ '': { file: 'azure', noInstance: true } });
  });

  test('of Azure may be in UTF-16, as az writes them on Windows', () => {
    const text = Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from('{"appId":"ä"}', 'utf16le')]);
    expect(keysIn(secret({ 'sops.azure-kv': text }), { instance: true }).azure).toEqual({
      '': { file: '{"appId":"ä"}' },
    });
  });
});

test('the Secret for all units gives its age keys, and no credentials of a cloud', () => {
  expect(ageKeysIn(secret({ 'a.agekey': 'a', 'b.asc': 'b', 'sops.aws-kms': 'aws' }))).toEqual({ age: ['a'] });
});
