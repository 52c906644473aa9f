import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlumbError } from '@plumb/api';
import { CloudServer, FakeClock } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readClusterConfig } from './cluster-config.ts';
import { CloudClusters, type ReachedCluster } from './clusters.ts';
import { Clouds } from './clouds.ts';
import type { AccountRef } from './token.ts';

const HOUR = 3_600_000;
const ROLE = 'arn:aws:iam::123456789012:role/apps';
const EKS = 'arn:aws:eks:eu-central-1:123456789012:cluster/prod';
const GKE = 'projects/shop/locations/europe-west1/clusters/prod';
const AKS =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/prod';
const EMAIL = 'deployer@shop.iam.gserviceaccount.com';
const SUBJECT = 'system:serviceaccount:apps:deployer';

let clock: FakeClock;
let server: CloudServer;
let folder: string;
/** Annotations of service accounts, by `namespace/name`. */
let accounts: Map<string, Record<string, string>>;
let tokensMade: string[];

beforeEach(async () => {
  clock = new FakeClock();
  server = await CloudServer.start({ now: () => clock.now() });
  folder = await mkdtemp(join(tmpdir(), 'plumb-cloud-'));
  accounts = new Map([['apps/deployer', {}]]);
  tokensMade = [];
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function jwt(claims: object): string {
  const parts = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${parts.join('.')}.`;
}

function clustersIn(environment: Record<string, string> = {}): CloudClusters {
  const clouds = new Clouds({
    accounts: {
      annotations: ({ namespace, name }: AccountRef) => Promise.resolve(accounts.get(`${namespace}/${name}`) ?? null),
      token: ({ namespace, name }, audiences) => {
        tokensMade.push(audiences.join());
        const sub = `system:serviceaccount:${namespace}:${name}`;
        return Promise.resolve({ value: jwt({ sub, aud: audiences }), expiresAt: clock.now() + HOUR });
      },
    },
    environment,
    endpoints: server.endpoints,
    now: () => clock.now(),
    accountFile: join(folder, 'token'),
  });
  const read = (text: string): { address: string; ca: string } => JSON.parse(text) as { address: string; ca: string };
  return new CloudClusters(clouds, read);
}

const config = (data: Record<string, string>): ReturnType<typeof readClusterConfig> =>
  readClusterConfig(data, { namespace: 'apps' });

async function reach(data: Record<string, string>, environment?: Record<string, string>): Promise<ReachedCluster> {
  return clustersIn(environment).reach(config(data), false);
}

const tokenOf = ({ source }: ReachedCluster): Promise<string> => Promise.resolve(source.token());

async function failure(reaching: Promise<ReachedCluster>): Promise<PlumbError> {
  const error: unknown = await reaching.then(tokenOf).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PlumbError) return error;
  throw new Error(`it did not fail as it should: ${String(error)}`);
}

describe('EKS', () => {
  const data = { provider: 'aws', cluster: EKS, serviceAccountName: 'deployer' };
  beforeEach(() => {
    accounts.set('apps/deployer', { 'eks.amazonaws.com/role-arn': ROLE });
    server.aws.roles.set(ROLE, SUBJECT);
    server.aws.clusters.set('eu-central-1/prod', { endpoint: 'https://eks.example', ca: 'PEM' });
  });

  test('the role of a service account finds the cluster, and makes a token that only this cluster takes', async () => {
    const reached = await reach(data);
    expect(reached).toMatchObject({ address: 'https://eks.example', ca: 'PEM' });
    const token = await tokenOf(reached);
    expect(server.aws.roleOf(token, 'prod')).toBe(ROLE);
    expect(server.aws.roleOf(token, 'other')).toBeNull();
    expect(tokensMade).toEqual(['sts.amazonaws.com']);
  });

  test('one exchange serves all, and the token is another before its quarter of an hour is over', async () => {
    const clusters = clustersIn();
    const all = await Promise.all([1, 2, 3].map(() => clusters.reach(config(data), false)));
    const tokens = new Set(await Promise.all(all.map(tokenOf)));
    expect(tokens.size).toBe(1);
    expect(server.asked).toHaveLength(2);
    await clock.advance(14 * 60_000);
    const [last] = all;
    const next = last === undefined ? '' : await tokenOf(last);
    expect(tokens.has(next)).toBe(true);
    await clock.advance(1);
    expect(server.aws.roleOf(last === undefined ? '' : await tokenOf(last), 'prod')).toBe(ROLE);
    expect(server.asked).toHaveLength(2);
  });

  test('an account that is given another role acts in that from then on', async () => {
    const clusters = clustersIn();
    await tokenOf(await clusters.reach(config(data), false));
    const other = `${ROLE}-2`;
    accounts.set('apps/deployer', { 'eks.amazonaws.com/role-arn': other });
    server.aws.roles.set(other, SUBJECT);
    const token = await tokenOf(await clusters.reach(config(data), false));
    expect(server.aws.roleOf(token, 'prod')).toBe(other);
  });

  test('a token that was refused is exchanged anew from the start', async () => {
    const reached = await reach(data);
    const first = await tokenOf(reached);
    reached.source.forget();
    expect(await tokenOf(reached)).not.toBe(first);
    expect(tokensMade).toHaveLength(2);
  });

  test('a cluster that is lost is described anew, though not again and again', async () => {
    const clusters = clustersIn();
    const asked = (): number => server.asked.filter((line) => line.includes('/eks/')).length;
    await clusters.reach(config(data), false);
    server.aws.clusters.set('eu-central-1/prod', { endpoint: 'https://moved.example', ca: 'PEM' });
    expect((await clusters.reach(config(data), true)).address).toBe('https://eks.example');
    await clock.advance(31_000);
    expect((await clusters.reach(config(data), false)).address).toBe('https://eks.example');
    expect((await clusters.reach(config(data), true)).address).toBe('https://moved.example');
    expect((await clusters.reach(config(data), true)).address).toBe('https://moved.example');
    expect(asked()).toBe(2);
  });

  test('another role of the same account is another connection', async () => {
    const clusters = clustersIn();
    const before = await clusters.reach(config(data), false);
    accounts.set('apps/deployer', { 'eks.amazonaws.com/role-arn': `${ROLE}-2` });
    server.aws.roles.set(`${ROLE}-2`, SUBJECT);
    expect((await clusters.reach(config(data), false)).source.id).not.toBe(before.source.id);
  });

  test('address and CA of the ConfigMap go before those of AWS, which is not asked then', async () => {
    const reached = await reach({ ...data, address: 'https://private.example', 'ca.crt': 'OWN' });
    expect(reached).toMatchObject({ address: 'https://private.example', ca: 'OWN' });
    expect(server.asked).toEqual([]);
  });

  test.each<{
    what: string;
    environment: () => Promise<Record<string, string>> | Record<string, string>;
    role: string;
  }>([
    {
      what: 'its environment',
      environment: () => {
        const { accessKeyId, secretAccessKey } = server.aws.keysOf('lasting');
        return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
      },
      role: 'lasting',
    },
    {
      what: 'a web identity (IRSA)',
      environment: async () => {
        await writeFile(join(folder, 'web'), `${jwt({ sub: SUBJECT, aud: ['sts.amazonaws.com'] })}\n`);
        return { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'web'), AWS_ROLE_ARN: ROLE };
      },
      role: ROLE,
    },
    {
      what: 'its pod (EKS Pod Identity)',
      environment: async () => {
        await writeFile(join(folder, 'word'), 'open sesame\n');
        return {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: server.endpoints.aws.container,
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, 'word'),
        };
      },
      role: 'arn:aws:iam::123456789012:role/pod',
    },
    {
      what: 'its instance (IMDSv2)',
      environment: () => {
        server.aws.instanceRole = 'node';
        return {};
      },
      role: 'node',
    },
  ])("without an account the agent's own identity is used: of $what", async ({ environment, role }) => {
    const reached = await reach({ provider: 'aws', cluster: EKS }, await environment());
    expect(server.aws.roleOf(await tokenOf(reached), 'prod')).toBe(role);
  });

  test.each([
    {
      what: 'no ARN',
      given: { ...data, cluster: 'prod' },
      code: 'invalid-spec',
      says: 'not the ARN of an EKS cluster',
    },
    {
      what: 'no account',
      given: { ...data, serviceAccountName: 'nobody' },
      code: 'invalid-spec',
      says: 'apps/nobody not found',
    },
    {
      what: 'no such cluster',
      given: { ...data, cluster: `${EKS}-2` },
      code: 'authentication-failed',
      says: 'No cluster found',
    },
    {
      what: 'no identity at all',
      given: { provider: 'aws', cluster: EKS },
      code: 'authentication-failed',
      says: 'no AWS identity',
    },
  ])('$what: said, with the next step', async ({ given, code, says }) => {
    const error = await failure(reach(given));
    expect(error.code).toBe(code);
    expect(error.message).toContain(says);
  });

  test('a role that does not trust the account, or that nobody named', async () => {
    server.aws.roles.clear();
    expect((await failure(reach(data))).message).toContain(`AccessDenied Not authorized to assume ${ROLE}`);
    accounts.set('apps/deployer', {});
    expect((await failure(reach(data))).message).toContain('eks.amazonaws.com/role-arn');
  });
});

describe('GKE', () => {
  const data = { provider: 'gcp', cluster: GKE, serviceAccountName: 'deployer' };
  const provider = 'projects/1/locations/global/workloadIdentityPools/pool/providers/home';
  beforeEach(() => {
    server.google.clusters.set(GKE, { endpoint: '10.0.0.1', ca: 'PEM' });
    server.google.gke = { project: 'shop', location: 'europe-west1', name: 'home' };
  });
  const subject = async (reached: ReachedCluster): Promise<string | null> =>
    server.google.subjectOf(await tokenOf(reached));

  test('on GKE the account is itself in the pool of the project', async () => {
    const reached = await reach(data);
    expect(reached).toMatchObject({ address: '10.0.0.1', ca: 'PEM' });
    expect(await subject(reached)).toBe(SUBJECT);
    expect(tokensMade).toEqual(['shop.svc.id.goog']);
  });

  test('elsewhere the provider that trusts this cluster is named', async () => {
    server.google.gke = null;
    accounts.set('apps/deployer', { 'gcp.auth.fluxcd.io/workload-identity-provider': provider });
    expect(await subject(await reach(data))).toBe(SUBJECT);
    expect(tokensMade).toEqual([`//iam.googleapis.com/${provider}`]);
  });

  test('an account may act as one of Google', async () => {
    accounts.set('apps/deployer', { 'iam.gke.io/gcp-service-account': EMAIL });
    server.google.impersonators.set(EMAIL, SUBJECT);
    expect(await subject(await reach(data))).toBe(EMAIL);
    server.google.impersonators.clear();
    expect((await failure(reach(data))).message).toContain("Permission 'iam.serviceAccounts.getAccessToken' denied");
  });

  test("without an account the agent's own identity is used: of the metadata server", async () => {
    expect(await subject(await reach({ provider: 'gcp', cluster: GKE }))).toBe('agent@shop');
  });

  test('of the key of a service account', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    server.google.keys.set(EMAIL, publicKey);
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const file = {
      type: 'service_account',
      client_email: EMAIL,
      private_key: key,
      token_uri: `${server.url}/google/oauth`,
    };
    await writeFile(join(folder, 'key.json'), JSON.stringify(file));
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'key.json') };
    expect(await subject(await reach({ provider: 'gcp', cluster: GKE }, environment))).toBe(EMAIL);
  });

  test('of a token in a file that Google trusts', async () => {
    const audience = `//iam.googleapis.com/${provider}`;
    await writeFile(join(folder, 'subject'), JSON.stringify({ token: jwt({ sub: SUBJECT, aud: [audience] }) }));
    const format = { type: 'json', subject_token_field_name: 'token' };
    const file = { type: 'external_account', audience, credential_source: { file: join(folder, 'subject'), format } };
    await writeFile(join(folder, 'external.json'), JSON.stringify(file));
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'external.json') };
    expect(await subject(await reach({ provider: 'gcp', cluster: GKE }, environment))).toBe(SUBJECT);
  });

  test.each([
    { what: 'no name', given: { ...data, cluster: 'prod' }, says: 'not the name of a GKE cluster' },
    { what: 'no such cluster', given: { ...data, cluster: `${GKE}-2` }, says: 'Not found' },
  ])('$what: said', async ({ given, says }) => {
    expect((await failure(reach(given))).message).toContain(says);
  });

  test('neither on GKE nor a provider named: said, with the annotation that is missing', async () => {
    server.google.gke = null;
    expect((await failure(reach(data))).message).toContain('gcp.auth.fluxcd.io/workload-identity-provider');
    accounts.set('apps/deployer', { 'iam.gke.io/gcp-service-account': 'me@example.com' });
    expect((await failure(reach(data))).message).toContain('does not match');
  });
});

describe('AKS', () => {
  const data = { provider: 'azure', cluster: AKS, serviceAccountName: 'deployer' };
  const kubeconfig = (address: string): string => JSON.stringify({ address, ca: 'PEM' });
  beforeEach(() => {
    accounts.set('apps/deployer', {
      'azure.workload.identity/tenant-id': 'tenant',
      'azure.workload.identity/client-id': 'client',
    });
    server.azure.clients.set('tenant/client', { subject: SUBJECT });
    const kubeconfigs = ['https://public.example:443', 'https://private.example:443'].map(kubeconfig);
    server.azure.clusters.set(AKS, { entra: true, kubeconfigs });
  });
  const grant = async (reached: ReachedCluster): Promise<unknown> => server.azure.grantOf(await tokenOf(reached));
  const AKS_GRANT = { client: 'client', scope: '6dae42f8-4368-4678-94ff-3960e28e3630/.default' };

  test('the client of a service account finds the cluster, and gets a token for it', async () => {
    const reached = await reach(data);
    expect(reached).toMatchObject({ address: 'https://public.example:443', ca: 'PEM' });
    expect(await grant(reached)).toEqual(AKS_GRANT);
    expect(tokensMade).toEqual(['api://AzureADTokenExchange', 'api://AzureADTokenExchange']);
  });

  test('of several addresses the one that was asked for, and none that is not the cluster’s', async () => {
    expect((await reach({ ...data, address: 'Private.example' })).address).toBe('Private.example');
    const error = await failure(reach({ ...data, address: 'https://other.example' }));
    expect(error.message).toContain('its addresses: https://public.example, https://private.example');
  });

  test('address and CA of the ConfigMap need no cluster', async () => {
    const reached = await reach({ ...data, cluster: '', address: 'https://own.example', 'ca.crt': 'OWN' });
    expect(await grant(reached)).toEqual(AKS_GRANT);
    expect(server.asked).toEqual(['POST /azure/login/tenant/oauth2/v2.0/token']);
  });

  test.each<{ what: string; environment: () => Promise<Record<string, string>> | Record<string, string> }>([
    {
      what: 'a secret',
      environment: () => {
        server.azure.clients.set('tenant/client', { secret: 's3cret' });
        return { AZURE_CLIENT_SECRET: 's3cret' };
      },
    },
    {
      what: 'a federated token (workload identity)',
      environment: async () => {
        const token = jwt({ sub: SUBJECT, aud: ['api://AzureADTokenExchange'] });
        await writeFile(join(folder, 'federated'), token);
        return { AZURE_FEDERATED_TOKEN_FILE: join(folder, 'federated') };
      },
    },
    {
      what: 'its instance',
      environment: () => {
        server.azure.instanceClient = 'client';
        return {};
      },
    },
  ])("without an account the agent's own identity is used: of $what", async ({ environment }) => {
    const given = { AZURE_TENANT_ID: 'tenant', AZURE_CLIENT_ID: 'client', ...(await environment()) };
    expect(await grant(await reach({ provider: 'azure', cluster: AKS }, given))).toEqual(AKS_GRANT);
  });

  test.each([
    { what: 'no id', given: { ...data, cluster: 'prod' }, says: 'not the id of an AKS cluster' },
    { what: 'no such cluster', given: { ...data, cluster: `${AKS}-2` }, says: 'ResourceNotFound' },
  ])('$what: said', async ({ given, says }) => {
    expect((await failure(reach(given))).message).toContain(says);
  });

  test('a cluster without Entra ID, a client that is not trusted, an account without one: said', async () => {
    server.azure.clusters.set(AKS, { entra: false, kubeconfigs: [] });
    expect((await failure(reach(data))).message).toContain('does not use Microsoft Entra ID');
    server.azure.clients.clear();
    expect((await failure(reach(data))).message).toContain('AADSTS700213');
    accounts.set('apps/deployer', { 'azure.workload.identity/tenant-id': '../common' });
    expect((await failure(reach(data))).message).toContain('tenant-id of ServiceAccount/apps/deployer is "../common"');
  });
});

describe('any cluster that trusts this one as an issuer', () => {
  const data = { provider: 'generic', address: 'https://far.example:6443', 'ca.crt': 'PEM' };
  const claims = async (reached: ReachedCluster): Promise<unknown> =>
    JSON.parse(Buffer.from((await tokenOf(reached)).split('.')[1] ?? '', 'base64url').toString());

  test('gets a token of the account, for its address or for the audiences that are named', async () => {
    const given = { ...data, serviceAccountName: 'deployer' };
    const reached = await reach(given);
    expect(reached).toMatchObject({ address: data.address, ca: 'PEM' });
    expect(await claims(reached)).toEqual({ sub: SUBJECT, aud: [data.address] });
    expect(await claims(await reach({ ...given, audiences: ' a \n\nb\n' }))).toMatchObject({ aud: ['a', 'b'] });
    expect(server.asked).toEqual([]);
  });

  test("without an account a token of the agent's own, but never one for the agent's own API server", async () => {
    await writeFile(join(folder, 'token'), jwt({ sub: 'system:serviceaccount:flux-system:plumb', aud: ['home'] }));
    expect(await claims(await reach(data))).toMatchObject({ sub: 'system:serviceaccount:flux-system:plumb' });
    const error = await failure(reach({ ...data, audiences: 'far\nhome' }));
    expect(error).toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('(home) is given to nobody'),
    });
  });

  test('an agent outside of a pod has none', async () => {
    expect((await failure(reach(data))).message).toContain("name one in key 'serviceAccountName'");
    await writeFile(join(folder, 'token'), 'no token');
    expect((await failure(reach(data))).message).toContain("name one in key 'serviceAccountName'");
  });
});

describe('a service in trouble', () => {
  const data = { provider: 'gcp', cluster: GKE };

  test('is told by what it says, without what was sent to it', async () => {
    accounts.set('apps/deployer', { 'eks.amazonaws.com/role-arn': ROLE });
    server.aws.roles.set(ROLE, SUBJECT);
    const sent = jwt({ sub: SUBJECT, aud: ['sts.amazonaws.com'] });
    server.trouble = () => ({
      status: 400,
      body: `<Error><Code>Bad</Code><Message>cannot read ${sent}</Message></Error>`,
    });
    const error = await failure(reach({ provider: 'aws', cluster: EKS, serviceAccountName: 'deployer' }));
    expect(error.message).toContain('HTTP 400: Bad cannot read ***');
    expect(error.fault).toBe('user');
  });

  test.each([
    {
      what: 'an error of its own',
      reply: { status: 503, body: { error: { message: 'try later' } } },
      says: 'HTTP 503: try later',
    },
    { what: 'no JSON', reply: { status: 200, body: 'welcome' }, says: 'not a JSON object' },
    { what: 'no token', reply: { status: 200, body: { access_token: '' } }, says: 'the answer has no access_token' },
    { what: 'far too much', reply: { status: 200, body: 'x'.repeat(2 * 1024 * 1024) }, says: 'more than 1 MiB' },
  ])('$what is its fault, and tried again', async ({ reply, says }) => {
    server.trouble = () => reply;
    const error = await failure(reach(data));
    expect(error.message).toContain(says);
    expect(error.fault).toBe('system');
  });

  test('that is not there is named by its address', async () => {
    const clusters = clustersIn();
    await server.close();
    const error = await failure(clusters.reach(config(data), false));
    expect(error.message).toMatch(/^cannot reach 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    server = await CloudServer.start();
  });
});
