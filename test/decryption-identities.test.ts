import type { KubeObject } from '@plumb/api';
import { createDecryptor } from '@plumb/engine';
import type { Decryptor } from '@plumb/engine';
import { CloudServer, DECRYPT_PATH, KeyServices, SopsBench, VaultDouble, believe } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespace, secret } from './support/manifests.ts';
import { condition, World } from './support/world.ts';

const ROLE = 'arn:aws:iam::123456789012:role/shop';
const ARN = 'arn:aws:kms:eu-west-1:123456789012:key/0000-1111';

const bench = new SopsBench();
const age = bench.ageKey();
let world: World;
let cloud: CloudServer;
let services: KeyServices;
let vault: VaultDouble;
let decryptor: Decryptor;

beforeAll(async () => {
  cloud = await CloudServer.start();
  services = await KeyServices.start(cloud);
  vault = await VaultDouble.start(believe);
  decryptor = createDecryptor({ path: DECRYPT_PATH, environment: services.environment });
  world = await World.start({ agent: false });
  const { namespace: own } = world;
  vault.tokens.set('for-sops', ['sops/one']);
  vault.roles.set(`${own}_opener`, { subject: `system:serviceaccount:${own}:opener`, keys: ['sops/one'] });
  cloud.aws.roles.set(ROLE, `system:serviceaccount:${own}:kms`);
  services.users.set(ARN, ROLE);
  const config = `instances: [{address: "${vault.url}", loginPath: auth/kubernetes/login}]`;
  await create('ConfigMap', 'vaults', { data: { 'config.yaml': config } });
  await create('Secret', 'common', { stringData: { 'common.agekey': age.file } });
  await account('kms', { 'eks.amazonaws.com/role-arn': ROLE });
  const surroundings = { namespace: own, ageSecret: 'common', vaultConfigMap: 'vaults' };
  await world.startAgent({
    decryption: { decryptor, verifyMac: true, surroundings },
    clouds: { endpoints: cloud.endpoints },
  });
  await world.repository.commit({ 'README.md': 'Shop\n' });
  await world.gitRepository();
});
afterAll(async () => {
  await world.close();
  await decryptor.close();
  await vault.close();
  await services.close();
  await cloud.close();
  bench[Symbol.dispose]();
});

function create(kind: 'ConfigMap' | 'Secret', name: string, content: object): Promise<KubeObject> {
  return world.apply({ apiVersion: 'v1', kind, metadata: { name, namespace: world.namespace }, ...content });
}

function account(name: string, annotations: Record<string, string> = {}): Promise<KubeObject> {
  const metadata = { name, namespace: world.namespace, annotations };
  return world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
}

/** A Secret in a folder of its own, and the unit that delivers it. */
async function deliver(name: string, how: { flags: string[]; env?: object; account?: string }): Promise<void> {
  const { target } = world;
  const file = await bench.encryptAsync(secret(target, name, { password: `s3cr3t-${name}` }), {
    format: 'yaml',
    flags: [...how.flags, '--encrypted-regex', '^(data|stringData)$'],
    env: { ...services.environment, ...how.env },
  });
  await world.push({ [`${name}/namespace.yaml`]: namespace(target), [`${name}/secret.yaml`]: file });
  await world.kustomization(name, {
    decryption: { provider: 'sops', ...(how.account && { serviceAccountName: how.account }) },
    prune: false,
  });
}

async function password(name: string): Promise<string> {
  const object = await world.get({ group: '', version: 'v1', kind: 'Secret', namespace: world.target, name });
  const { password: value = '' } = (object?.['data'] ?? {}) as Record<string, string>;
  return Buffer.from(value, 'base64').toString();
}

const byVault = (): { flags: string[]; env: object } => ({
  flags: ['--hc-vault-transit', `${vault.url}/v1/sops/keys/one`],
  env: { VAULT_TOKEN: 'for-sops' },
});

test('the age keys for all open what a unit without a Secret has', async () => {
  await deliver('common', { flags: ['--age', age.recipient] });
  await world.conditionIs(world.unitKey('common'), 'Ready', 'True');
  expect(await password('common')).toBe('s3cr3t-common');
});

test('a service account that is not there is named, and logs in to Vault when it comes', async () => {
  await deliver('vault', { ...byVault(), account: 'opener' });
  const key = world.unitKey('vault');
  const unit = await world.conditionIs(key, 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toContain('serviceaccounts "opener" not found');
  await account('opener');
  await world.request(key);
  await world.conditionIs(key, 'Ready', 'True');
  expect(await password('vault')).toBe('s3cr3t-vault');
  expect(vault.asked).toContain('PUT /v1/auth/kubernetes/login');
});

test('a service account opens nothing that is another’s', async () => {
  await account('stranger');
  await deliver('stranger', { ...byVault(), account: 'stranger' });
  const unit = await world.conditionIs(world.unitKey('stranger'), 'Ready', 'False', 'BuildFailed');
  expect(condition(unit, 'Ready')?.message).toContain(`invalid role name "${world.namespace}_stranger"`);
  expect(await password('stranger')).toBe('');
});

test('a token of the API server becomes a role of AWS that KMS opens files for', async () => {
  const { accessKeyId, secretAccessKey } = cloud.aws.keysOf(ROLE);
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  await deliver('kms', { flags: ['--kms', ARN], env, account: 'kms' });
  await world.conditionIs(world.unitKey('kms'), 'Ready', 'True');
  expect(await password('kms')).toBe('s3cr3t-kms');
  expect(cloud.asked).toEqual(['POST /aws/sts/eu-west-1/']);
});

test('no status broke a rule on the way', async () => {
  expect(await world.problems()).toEqual([]);
  expect(world.faults).toEqual([]);
});
