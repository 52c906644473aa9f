import type { KubeObject, PlumbError } from '@plumb/api';
import { CloudServer, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CloudIdentities } from '../runtime/cloud-identities.ts';
import { Remotes, type RemotesOptions } from './remotes.ts';

const CONFIG = JSON.stringify({
  'current-context': 'x',
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  clusters: [{ name: 'c', cluster: { server: 'https://far.example:6443' } }],
  users: [{ name: 'u', user: { token: 's3cret' } }],
});
const ROLE = 'arn:aws:iam::123456789012:role/apps';
const EKS = 'arn:aws:eks:eu-central-1:123456789012:cluster/prod';

let cluster: MemoryCluster;
let clouds: CloudServer;
beforeEach(async () => {
  cluster = new MemoryCluster();
  clouds = await CloudServer.start();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
});
afterEach(() => clouds.close());

type Reference = Parameters<Remotes['find']>[0];

function find(reference: Reference, options: Partial<RemotesOptions> = {}): ReturnType<Remotes['find']> {
  const { direct } = new CloudIdentities({ cluster, endpoints: clouds.endpoints });
  const remotes = new Remotes({ clouds: direct, ...options });
  return remotes.find(reference, 'shop', { cluster, signal: AbortSignal.timeout(5_000), lost: false });
}

const secret = (data: Record<string, string>, name = 'far'): Promise<KubeObject> =>
  cluster.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'shop' },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });

const configMap = (data: Record<string, string>): Promise<KubeObject> =>
  cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'far', namespace: 'shop' }, data });

async function refusal(finding: Promise<unknown>): Promise<PlumbError> {
  return finding.then(
    () => Promise.reject(new Error('it was found')),
    (error: PlumbError) => error,
  );
}

describe('a Secret', () => {
  test.each([
    { what: 'the key value', data: { value: CONFIG, 'value.yaml': 'no' } },
    { what: 'else value.yaml', data: { 'value.yaml': CONFIG } },
    { what: 'the key that is named', data: { value: 'no', mine: CONFIG }, key: 'mine' },
  ])('holds the kubeconfig under $what', async ({ data, key }) => {
    await secret(data);
    const remote = await find({ secretRef: { name: 'far', ...(key !== undefined && { key }) } });
    expect(remote.host).toBe('far.example:6443');
  });

  test.each([
    {
      what: 'is not there',
      data: null,
      says: `unable to read KubeConfig secret 'shop/far' error: secrets "far" not found`,
    },
    { what: 'has other keys', data: { config: CONFIG }, says: `does not contain a 'value' key with a kubeconfig` },
    { what: 'holds something else', data: { value: 's3cret: [' }, says: `invalid KubeConfig in secret 'shop/far': ` },
  ])('that $what is said as Flux says it', async ({ data, says }) => {
    if (data !== null) await secret(data);
    const { message, code } = await refusal(find({ secretRef: { name: 'far' } }));
    expect(message).toContain(says);
    expect(message).not.toContain('s3cret');
    expect(code).toBe(data === null ? 'api-not-found' : 'invalid-spec');
  });

  test('may make the agent do what its operator allowed, and nothing else', async () => {
    const unchecked = CONFIG.replace('"server"', '"insecure-skip-tls-verify":true,"server"');
    await secret({ value: unchecked });
    const reference = { secretRef: { name: 'far' } };
    expect((await refusal(find(reference))).message).toContain('--insecure-kubeconfig-tls');
    expect((await find(reference, { rules: { exec: false, insecureTls: true } })).host).toBe('far.example:6443');
  });
});

describe('a ConfigMap', () => {
  const reference = { configMapRef: { name: 'far' } };

  test('finds the cluster at its cloud, by the identity of a service account here', async () => {
    await cluster.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'deployer', namespace: 'shop', annotations: { 'eks.amazonaws.com/role-arn': ROLE } },
    });
    clouds.aws.roles.set(ROLE, 'system:serviceaccount:shop:deployer');
    clouds.aws.clusters.set('eu-central-1/prod', { endpoint: 'https://eks.example', ca: 'PEM' });
    await configMap({ provider: 'aws', cluster: EKS, serviceAccountName: 'deployer' });
    const { host, access } = await find(reference);
    expect(host).toBe('eks.example:443');
    const { authorization = '' } = await access.headers();
    expect(clouds.aws.roleOf(String(authorization).replace('Bearer ', ''), 'prod')).toBe(ROLE);
  });

  test('that names no account uses the one of the operator', async () => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'tenant', namespace: 'shop' } };
    await configMap({ provider: 'generic', address: 'https://far.example', 'ca.crt': 'PEM' });
    const { message } = await refusal(find(reference, { defaultAccount: 'tenant' }));
    expect(message).toBe(`KubeConfig configmap 'shop/far': ServiceAccount/shop/tenant not found`);
    await cluster.create(account);
    const { access } = await find(reference, { defaultAccount: 'tenant' });
    const { authorization = '' } = await access.headers();
    const claims = Buffer.from(String(authorization).split('.')[1] ?? '', 'base64url').toString();
    expect(JSON.parse(claims)).toMatchObject({
      sub: 'system:serviceaccount:shop:tenant',
      aud: ['https://far.example'],
    });
  });

  test.each([
    { what: 'is not there', data: null, code: 'api-not-found', says: `configmaps "far" not found` },
    { what: 'lacks a key', data: { provider: 'aws' }, code: 'invalid-spec', says: `key 'cluster' is missing` },
    {
      what: 'is of a cloud that is not there',
      data: { provider: 'aws', cluster: EKS },
      code: 'authentication-failed',
      says: 'no AWS identity',
    },
  ])('that $what is said', async ({ data, code, says }) => {
    if (data !== null) await configMap(data as Record<string, string>);
    const error = await refusal(find(reference));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`KubeConfig configmap 'shop/far'`);
    expect(error.message).toContain(says);
  });
});
