import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudServer, KeyServices, selfSigned, SopsBench } from '@plumb/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDecryptor } from './create-decryptor.ts';
import type { Decryptor, DecryptKeys } from './decryptor.ts';
import { decryptPath } from './testing/fake-helper.ts';

/** The key services of three clouds at their own names, checking every signature and token; sops itself encrypts with them. */
const bench = new SopsBench();
let cloud: CloudServer;
let services: KeyServices;
let decryptor: Decryptor;

const ROLE = 'arn:aws:iam::123456789012:role/shop';
const ARN = 'arn:aws:kms:eu-west-1:123456789012:key/0000-1111';
const ACCOUNT = 'kms@shop.iam.gserviceaccount.com';
const RESOURCE = 'projects/shop/locations/global/keyRings/ring/cryptoKeys/key';
const VAULT_KEY = 'https://shop.vault.azure.net/keys/key/v1';

let aws: { accessKeyId: string; secretAccessKey: string };
let google: string;
const azureClient = { tenantId: 'shop-tenant', clientId: 'shop-client' };
const azure = { ...azureClient, clientSecret: 'azure-s3cr3t' };
const azureCertificate = selfSigned('shop-client', [], 'rsa');
const files = {} as Record<'aws' | 'google' | 'azure' | 'dotenv', Buffer>;

beforeAll(async () => {
  cloud = await CloudServer.start();
  services = await KeyServices.start(cloud);
  decryptor = createDecryptor({ path: decryptPath, environment: services.environment });
  services.users.set(ARN, ROLE).set(RESOURCE, ACCOUNT).set(VAULT_KEY, azure.clientId);
  aws = cloud.aws.keysOf(ROLE);
  google = googleFile();
  azureProof({ secret: azure.clientSecret });
  const awsEnv = { AWS_ACCESS_KEY_ID: aws.accessKeyId, AWS_SECRET_ACCESS_KEY: aws.secretAccessKey };
  const azureEnv = {
    AZURE_TENANT_ID: azure.tenantId,
    AZURE_CLIENT_ID: azure.clientId,
    AZURE_CLIENT_SECRET: azure.clientSecret,
  };
  const googleEnv = { GOOGLE_CREDENTIALS: google, SOPS_GCP_KMS_CLIENT_TYPE: 'rest' };
  files.aws = await encrypted('yaml', ['--kms', ARN, '--encryption-context', 'App:shop'], awsEnv);
  files.dotenv = await encrypted('dotenv', ['--kms', ARN], awsEnv);
  files.google = await encrypted('yaml', ['--gcp-kms', RESOURCE], googleEnv);
  files.azure = await encrypted('yaml', ['--azure-kv', VAULT_KEY], azureEnv);
});
afterAll(async () => {
  await decryptor.close();
  await services.close();
  await cloud.close();
  bench[Symbol.dispose]();
});
beforeEach(() => {
  services.asked.length = 0;
  azureProof({ secret: azure.clientSecret });
});

/** What the client of Azure has to prove itself with. */
function azureProof(proof: Parameters<typeof cloud.azure.clients.set>[1]): void {
  cloud.azure.clients.set(`${azure.tenantId}/${azure.clientId}`, proof);
}

function googleFile(): string {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  cloud.google.keys.set(ACCOUNT, publicKey);
  return JSON.stringify({
    type: 'service_account',
    project_id: 'shop',
    private_key_id: '1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: ACCOUNT,
    token_uri: 'https://oauth2.googleapis.com/token',
  });
}

function encrypted(format: 'yaml' | 'dotenv', flags: readonly string[], env: Record<string, string>): Promise<Buffer> {
  const content = format === 'yaml' ? 'a: s3cr3t\n' : 'A=s3cr3t\n';
  return bench.encryptAsync(content, { format, flags, env: { ...services.environment, ...env } });
}

async function plain(content: Buffer, keys: DecryptKeys): Promise<string> {
  const file = { content, format: 'yaml', outputFormat: 'yaml' } as const;
  const [answer] = await decryptor.decrypt({ files: [file], keys, verifyMac: true, deadline: 30_000 });
  if (answer === undefined) return 'no answer';
  return 'error' in answer ? `error: ${answer.error}` : Buffer.from(answer.content).toString();
}

const awsFile = (id: string, secret: string): string => `aws_access_key_id: ${id}\naws_secret_access_key: ${secret}\n`;

describe('AWS KMS', () => {
  test('by the file of a Secret', async () => {
    const file = awsFile(aws.accessKeyId, aws.secretAccessKey);
    expect(await plain(files.aws, { aws: { '': { file } } })).toBe('a: s3cr3t\n');
    expect(services.asked).toEqual(['POST kms.eu-west-1.amazonaws.com/']);
  });

  test('by keys that were made for the region', async () => {
    expect(await plain(files.aws, { aws: { 'eu-west-1': aws } })).toBe('a: s3cr3t\n');
    expect(await plain(files.aws, { aws: { 'us-east-1': aws } })).toContain('no credentials for AWS are given');
  });

  test('another context does not open the key', async () => {
    const other = Buffer.from(files.aws.toString().replace('App: shop', 'App: other'));
    expect(await plain(other, { aws: { '': aws } })).toContain('InvalidCiphertextException');
  });

  test.each<{ what: string; keys: () => DecryptKeys; says: RegExp }>([
    { what: 'no keys', keys: () => ({}), says: /the decryption Secret needs sops\.aws-kms/ },
    { what: 'a refusal', keys: () => ({ aws: { '': { refusal: 'not here' } } }), says: /FAILED not here/ },
    {
      what: 'a file that is none',
      keys: () => ({ aws: { '': { file: 'wr0ng' } } }),
      says: /must be YAML with aws_access/,
    },
    {
      what: 'a wrong secret',
      keys: () => ({ aws: { '': { file: awsFile(aws.accessKeyId, 'wr0ng') } } }),
      says: /UnrecognizedClientException/,
    },
    {
      what: 'the keys of another role',
      keys: () => ({ aws: { '': cloud.aws.keysOf('arn:aws:iam::123456789012:role/other') } }),
      says: /AccessDeniedException/,
    },
  ])('with $what says so', async ({ keys, says }) => {
    const text = await plain(files.aws, keys());
    expect(text).toMatch(says);
    expect(text).not.toMatch(/wr0ng|s3cr3t/);
  });

  test('an ARN that leads elsewhere is none', async () => {
    const other = Buffer.from(files.aws.toString().replace(ARN, 'arn:aws:kms:evil.example/:1:key/x'));
    expect(await plain(other, { aws: { '': aws } })).toContain('is no ARN of a KMS key');
    expect(services.asked).toEqual([]);
  });
});

describe('Google Cloud KMS', () => {
  test('by the file of a Secret', async () => {
    expect(await plain(files.google, { gcp: { file: `${google}\n` } })).toBe('a: s3cr3t\n');
    expect(services.asked).toEqual([
      'POST oauth2.googleapis.com/token',
      `POST cloudkms.googleapis.com/v1/${RESOURCE}:decrypt`,
    ]);
  });

  test.each<{ what: string; keys: () => DecryptKeys; says: RegExp }>([
    { what: 'no key', keys: () => ({}), says: /the decryption Secret needs sops\.gcp-kms/ },
    { what: 'a wrong token', keys: () => ({ gcp: { token: 'wr0ng' } }), says: /UNAUTHENTICATED/ },
    {
      what: 'a key that signs for nobody',
      keys: () => ({ gcp: { file: strangerFile() } }),
      says: /Invalid JWT Signature/,
    },
    {
      what: 'a file that is none',
      keys: () => ({ gcp: { file: '{}' } }),
      says: /must be the JSON key of a service account/,
    },
    {
      what: "credentials that read the agent's files",
      keys: () => ({ gcp: { file: externalAccount() } }),
      says: /must be the JSON key of a service account/,
    },
  ])('with $what says so', async ({ keys, says }) => {
    const text = await plain(files.google, keys());
    expect(text).toMatch(says);
    expect(text).not.toMatch(/wr0ng|s3cr3t|PRIVATE/);
  });
});

test('a token of Google that is waited for in vain ends like any service that does not answer', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const impatient = createDecryptor({ path: decryptPath, serviceTimeout: 500 });
  const file = JSON.stringify({ ...(JSON.parse(google) as object), token_uri: `http://127.0.0.1:${port}/token` });
  const [answer] = await impatient.decrypt({
    files: [{ content: files.google, format: 'yaml', outputFormat: 'yaml' }],
    keys: { gcp: { file } },
    verifyMac: true,
    deadline: 20_000,
  });
  await impatient.close();
  silent.closeAllConnections();
  silent.close();
  expect(answer).toEqual({ error: expect.stringContaining('Google Cloud KMS did not answer within 500ms') as string });
});

function strangerFile(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const file = JSON.parse(google) as object;
  return JSON.stringify({ ...file, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) });
}

function externalAccount(): string {
  return JSON.stringify({
    type: 'external_account',
    audience: 'x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://evil.example/token',
    credential_source: { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
  });
}

describe('Azure Key Vault', () => {
  test.each([
    { what: 'JSON', file: JSON.stringify(azure) },
    {
      what: 'YAML',
      file: Object.entries(azure)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(''),
    },
    {
      what: 'what az prints',
      file: JSON.stringify({ appId: azure.clientId, tenant: azure.tenantId, password: azure.clientSecret, name: 'x' }),
    },
  ])('by the file of a Secret: $what', async ({ file }) => {
    expect(await plain(files.azure, { azure: { '': { file } } })).toBe('a: s3cr3t\n');
  });

  test.each<{ what: string; keys: () => DecryptKeys; says: RegExp }>([
    { what: 'no key', keys: () => ({}), says: /the decryption Secret needs sops\.azure-kv/ },
    {
      what: 'a file that is none',
      keys: () => ({ azure: { '': { file: 'a: b' } } }),
      says: /requires a 'clientId' field/,
    },
    {
      what: 'a wrong secret',
      keys: () => ({ azure: { '': { file: JSON.stringify({ ...azure, clientSecret: 'wr0ng' }) } } }),
      says: /invalid_client/,
    },
    {
      what: 'a token for something else',
      keys: () => ({ azure: { 'https://vault.azure.cn/.default': { token: 'wr0ng' } } }),
      says: /the decryption Secret needs sops\.azure-kv/,
    },
  ])('with $what says so', async ({ keys, says }) => {
    const text = await plain(files.azure, keys());
    expect(text).toMatch(says);
    expect(text).not.toMatch(/wr0ng|s3cr3t/);
  });

  const { cert, key } = azureCertificate;
  const asAz = { appId: azure.clientId, tenant: azure.tenantId, password: azure.clientSecret };

  test.each<{ what: string; file: object; chain?: boolean; says: RegExp }>([
    { what: 'with its key', file: { clientCertificate: cert + key }, says: /^a: s3cr3t\n$/ },
    { what: 'behind its key', file: { clientCertificate: key + cert }, says: /^a: s3cr3t\n$/ },
    {
      what: 'sent along, where the client is known by its name',
      file: { clientCertificate: cert + key, clientCertificateSendChain: true },
      chain: true,
      says: /^a: s3cr3t\n$/,
    },
    {
      what: 'not sent along, where the client is known by its name',
      file: { clientCertificate: cert + key },
      chain: true,
      says: /invalid_client/,
    },
    { what: 'of somebody else', file: { clientCertificate: strangerCertificate() }, says: /invalid_client/ },
    { what: 'without its key', file: { clientCertificate: cert }, says: /is not a certificate with its key/ },
    // Only PKCS#12 has passwords there, and its bytes are no text of a YAML or JSON file.
    {
      what: 'in PEM with a password',
      file: { clientCertificate: cert + key, clientCertificatePassword: 'wr0ng' },
      says: /clientCertificate of sops\.azure-kv is not a certificate with its key/,
    },
  ])('by a certificate $what', async ({ file, chain = false, says }) => {
    azureProof({ certificate: cert, chain });
    const text = await plain(files.azure, { azure: { '': { file: JSON.stringify({ ...azureClient, ...file }) } } });
    expect(text).toMatch(says);
    expect(text).not.toMatch(/wr0ng|PRIVATE/);
  });

  test.each([
    { what: 'a secret', file: azure },
    { what: 'a certificate', file: { ...azureClient, clientCertificate: cert + key } },
    { what: 'what az prints', file: asAz },
  ])('logs in where authorityHost says, and nowhere else, with $what', async ({ file }) => {
    azureProof({ secret: azure.clientSecret, certificate: cert });
    const given = JSON.stringify({ ...file, authorityHost: 'https://login.microsoftonline.us/' });
    expect(await plain(files.azure, { azure: { '': { file: given } } })).toBe('a: s3cr3t\n');
    expect(services.asked).toContain('POST login.microsoftonline.us/shop-tenant/oauth2/v2.0/token');
    expect(services.asked.join(' ')).not.toContain('login.microsoftonline.com');
  });

  test.each([
    { what: 'that the instance has', clientId: azure.clientId, says: /^a: s3cr3t\n$/ },
    { what: 'that it has not', clientId: 'stranger', says: /Identity not found/ },
  ])('by a clientId alone, the managed identity $what', async ({ clientId, says }) => {
    cloud.azure.instanceClient = azure.clientId;
    expect(await plain(files.azure, { azure: { '': { file: JSON.stringify({ clientId }) } } })).toMatch(says);
    expect(services.asked).toContain('GET 169.254.169.254/metadata/identity/oauth2/token');
    expect(services.asked.join(' ')).not.toContain('login.');
  });

  test('by a clientId alone not where that would be the identity of somebody else', async () => {
    cloud.azure.instanceClient = azure.clientId;
    const file = JSON.stringify({ clientId: azure.clientId });
    const text = await plain(files.azure, { azure: { '': { file, noInstance: true } } });
    expect(text).toContain("names a 'clientId' alone: that would be an identity of the agent's machine");
    expect(services.asked).toEqual([]);
  });
});

function strangerCertificate(): string {
  const { cert, key } = selfSigned('shop-client', [], 'rsa');
  return cert + key;
}

test('what files need is read without a key', async () => {
  const needs = await decryptor.needs({
    files: [
      { content: files.aws, format: 'yaml' },
      { content: files.dotenv, format: 'dotenv' },
      { content: files.google, format: 'yaml' },
      { content: files.azure, format: 'yaml' },
    ],
    deadline: 20_000,
  });
  expect(needs).toEqual({ aws: ['eu-west-1'], azure: ['https://vault.azure.net/.default'], gcp: true, vault: [] });
  expect(services.asked).toEqual([]);
});
