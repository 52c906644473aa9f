import { Clouds } from '@plumb/cloud';
import { createDecryptor } from '@plumb/engine';
import type { Decryptor } from '@plumb/engine';
import { CloudServer, DECRYPT_PATH, KeyServices, SopsBench, VaultDouble, believe } from '@plumb/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { kustomization } from '../../testing/builders.ts';
import { Referenced } from '../references.ts';
import { Decryption } from './decryption.ts';

/** No secret at all: a service account's own token is exchanged for what the key services take, and sops encrypted the files with them. */
const ROLE = 'arn:aws:iam::123456789012:role/shop';
const ARN = 'arn:aws:kms:eu-west-1:123456789012:key/0000-1111';
const RESOURCE = 'projects/shop/locations/global/keyRings/ring/cryptoKeys/key';
const VAULT_KEY = 'https://shop.vault.azure.net/keys/key/v1';
const SUBJECT = 'system:serviceaccount:shop:kms';

const bench = new SopsBench();
let cloud: CloudServer;
let services: KeyServices;
let vault: VaultDouble;
let decryptor: Decryptor;
let clouds: Clouds;
/** Audiences that tokens of the account were asked for. */
const tokens: string[][] = [];
const files = {} as Record<'aws' | 'gcp' | 'azure' | 'vault', Buffer>;

beforeAll(async () => {
  cloud = await CloudServer.start();
  services = await KeyServices.start(cloud);
  vault = await VaultDouble.start(believe);
  decryptor = createDecryptor({ path: DECRYPT_PATH, environment: services.environment });
  services.users.set(ARN, ROLE).set(RESOURCE, SUBJECT).set(VAULT_KEY, 'shop-client');
  cloud.aws.roles.set(ROLE, SUBJECT);
  cloud.azure.clients.set('shop-tenant/shop-client', { subject: SUBJECT, secret: 'for-sops' });
  cloud.google.gke = { project: 'shop', location: 'europe-west1', name: 'main' };
  vault.roles.set('shop_kms', { subject: SUBJECT, keys: ['sops/one'] });
  vault.tokens.set('for-sops', ['sops/one']);
  clouds = new Clouds({
    accounts: {
      annotations: async () => ({
        'eks.amazonaws.com/role-arn': ROLE,
        'azure.workload.identity/tenant-id': 'shop-tenant',
        'azure.workload.identity/client-id': 'shop-client',
      }),
      token: async ({ namespace, name }, aud) => {
        tokens.push([...aud]);
        const claims = { sub: `system:serviceaccount:${namespace}:${name}`, aud };
        const value = ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'x'].join('.');
        return { value, expiresAt: Date.now() + 3_600_000 };
      },
    },
    environment: {},
    endpoints: cloud.endpoints,
  });
  const { accessKeyId, secretAccessKey } = cloud.aws.keysOf(ROLE);
  files.aws = await encrypted(['--kms', ARN], {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  const google = (await clouds.gcpToken({ namespace: 'shop', name: 'kms' })).value;
  files.gcp = await encrypted(['--gcp-kms', RESOURCE], {
    GOOGLE_OAUTH_ACCESS_TOKEN: google,
    SOPS_GCP_KMS_CLIENT_TYPE: 'rest',
  });
  files.azure = await encrypted(['--azure-kv', VAULT_KEY], {
    AZURE_TENANT_ID: 'shop-tenant',
    AZURE_CLIENT_ID: 'shop-client',
    AZURE_CLIENT_SECRET: 'for-sops',
  });
  files.vault = await encrypted(['--hc-vault-transit', `${vault.url}/v1/sops/keys/one`], { VAULT_TOKEN: 'for-sops' });
});
afterAll(async () => {
  await decryptor.close();
  await vault.close();
  await services.close();
  await cloud.close();
  bench[Symbol.dispose]();
});
beforeEach(() => {
  tokens.length = 0;
  for (const identity of [null, { namespace: 'shop', name: 'kms' }]) clouds.forget(identity);
});

function encrypted(flags: readonly string[], env: Record<string, string>): Promise<Buffer> {
  return bench.encryptAsync('a: s3cr3t\n', { format: 'yaml', flags, env: { ...services.environment, ...env } });
}

async function open(content: readonly Buffer[], account = 'kms'): Promise<string[]> {
  const config = `instances: [{address: "${vault.url}", loginPath: auth/kubernetes/login}]`;
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'vaults' },
    data: { 'config.yaml': config },
  };
  const surroundings = {
    identities: { as: async () => clouds },
    cluster: { get: async () => configMap },
    namespace: 'agents',
    vaultConfigMap: 'vaults',
  };
  const unit = kustomization({ spec: { decryption: { provider: 'sops', serviceAccountName: account } } });
  const limits = { signal: new AbortController().signal, deadline: 30_000 };
  const decryption = new Decryption({ decryptor, verifyMac: true, surroundings });
  const decrypt = decryption.of(unit, new Referenced(new Map()), limits);
  const answers = await decrypt?.(
    content.map((file) => ({ content: file, format: 'yaml', outputFormat: 'yaml' })),
    [],
  );
  return (answers ?? []).map((answer) =>
    'error' in answer ? `error: ${answer.error}` : Buffer.from(answer.content).toString(),
  );
}

test.each([
  { service: 'aws', audience: 'sts.amazonaws.com' },
  { service: 'gcp', audience: 'shop.svc.id.goog' },
  { service: 'azure', audience: 'api://AzureADTokenExchange' },
  { service: 'vault', audience: null },
] as const)('$service opens a file for the account that the unit names', async ({ service, audience }) => {
  expect(await open([files[service]])).toEqual(['a: s3cr3t\n']);
  expect(tokens).toEqual([[audience ?? vault.url]]);
});

test('all at once, and a token that was exchanged serves the next build', async () => {
  const all = Object.values(files);
  expect(await open(all)).toEqual(all.map(() => 'a: s3cr3t\n'));
  expect(await open(all)).toEqual(all.map(() => 'a: s3cr3t\n'));
  expect(tokens).toHaveLength(4);
});

test('another account opens nothing, and says why', async () => {
  const answers = await open(Object.values(files), 'stranger');
  expect(answers).toEqual([
    expect.stringMatching(/error: cannot get sops data key: .*Not authorized to assume/) as string,
    expect.stringMatching(/error: cannot get sops data key: .*PERMISSION_DENIED/) as string,
    expect.stringMatching(/error: cannot get sops data key: .*AADSTS700213/) as string,
    expect.stringMatching(/error: cannot get sops data key: .*invalid role name "shop_stranger"/) as string,
  ]);
});
