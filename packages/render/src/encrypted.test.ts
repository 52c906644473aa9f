import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { isEncryptedSecret } from './encrypted.ts';

const VALUE = 'ENC[AES256_GCM,data:Tr7o=,iv:1vI=,tag:k1s=,type:str]';
const FILE = `password: ${VALUE}\nsops:\n    mac: ${VALUE}\n`;

const secret = (fields: object, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'db', namespace: 'shop', annotations },
  ...fields,
});

test.each<[what: string, object: KubeObject, isOne: boolean]>([
  ['encrypted in place', secret({ sops: { mac: VALUE } }), true],
  ['with an encrypted value', secret({ stringData: { password: VALUE } }), true],
  ['with an encrypted value in data', secret({ data: { password: btoa(VALUE) } }), true],
  ['with an encrypted value beside a plain one', secret({ data: { user: btoa('root'), password: btoa(VALUE) } }), true],
  ['that is plain', secret({ data: { password: btoa('s3cr3t') }, stringData: { user: 'root' } }), false],
  ['that only speaks of one', secret({ stringData: { note: `was ${VALUE}` } }), false],
  // Its reader may be one who opens it.
  ['with an encrypted file', secret({ data: { 'values.yaml': btoa(FILE) } }), false],
  [
    'that is to stay encrypted',
    secret({ stringData: { password: VALUE } }, { 'kustomize.toolkit.fluxcd.io/decrypt': 'Disabled' }),
    false,
  ],
  ['that is a ConfigMap', { ...secret({ data: { password: VALUE } }), kind: 'ConfigMap' }, false],
])('a Secret %s', (_what, object, isOne) => {
  expect(isEncryptedSecret(object)).toBe(isOne);
});
