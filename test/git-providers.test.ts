import { CloudServer } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCloudGit, type CloudGit } from './support/cloud-git.ts';
import { configMap } from './support/manifests.ts';
import { condition, World } from './support/world.ts';

const CODECOMMIT = 'https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/shop';
const DEVOPS = 'https://dev.azure.com/org/project/_git/shop';
const ROLE = 'arn:aws:iam::123456789012:role/shop';
const TENANT = '11111111-2222-3333-4444-555555555555';

let world: World;
let clouds: CloudServer;
let git: CloudGit;
/** Whom a cloud's Git service let in. */
const visitors: string[] = [];

beforeAll(async () => {
  clouds = await CloudServer.start();
  world = await World.start({ agent: false });
  const hosts = [CODECOMMIT, DEVOPS].map((url) => new URL(url).host);
  git = await startCloudGit(hosts, world.repository.url, (authorization, url) => {
    const visitor = url.includes('codecommit') ? awsVisitor(authorization, url) : azureVisitor(authorization);
    if (visitor !== null) visitors.push(visitor);
    return visitor !== null;
  });
  const { namespace } = world;
  const subject = `system:serviceaccount:${namespace}:git`;
  clouds.aws.roles.set(ROLE, subject);
  clouds.azure.clients.set(`${TENANT}/shop`, { subject });
  await world.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: 'git',
      namespace,
      annotations: {
        'eks.amazonaws.com/role-arn': ROLE,
        'azure.workload.identity/tenant-id': TENANT,
        'azure.workload.identity/client-id': 'shop',
      },
    },
  });
  await secret('proxy', { address: git.proxy });
  await secret('trust', { 'ca.crt': git.ca });
  await world.startAgent({ clouds: { endpoints: clouds.endpoints } });
});
afterAll(async () => {
  await world.close();
  await git.close();
  await clouds.close();
});

function awsVisitor(authorization: string, url: string): string | null {
  const [username = '', ...password] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':');
  return clouds.aws.gitRoleOf({ username, password: password.join(':') }, url);
}

function azureVisitor(authorization: string): string | null {
  return clouds.azure.grantOf(authorization.replace(/^Bearer /, ''))?.client ?? null;
}

function secret(name: string, data: Readonly<Record<string, string>>): Promise<unknown> {
  const metadata = { name, namespace: world.namespace };
  return world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: data });
}

const reached = { secretRef: { name: 'trust' }, proxySecretRef: { name: 'proxy' } };

async function commit(colour: string): Promise<string> {
  const files = { 'apps/settings.yaml': configMap(world.target, 'settings', { colour }) };
  return `main@sha1:${await world.repository.commit(files)}`;
}

test('CodeCommit lets in the role of a service account, and its keys come the same way', async () => {
  const revision = await commit('aws');
  await world.gitRepository({ ...reached, url: CODECOMMIT, provider: 'aws', serviceAccountName: 'git' });
  await world.fetched(revision);
  expect(new Set(visitors)).toEqual(new Set([ROLE]));
  expect(clouds.asked).toEqual(['POST /aws/sts/eu-central-1/']);
  expect(git.led).toContain(new URL(clouds.url).host);
});

test('Azure DevOps lets in the client of a service account', async () => {
  const revision = await commit('azure');
  visitors.length = 0;
  await world.gitRepository({ ...reached, url: DEVOPS, provider: 'azure', serviceAccountName: 'git' });
  await world.fetched(revision);
  expect(new Set(visitors)).toEqual(new Set(['shop']));
});

test('one login serves many runs', async () => {
  clouds.asked.length = 0;
  const revision = await commit('again');
  await world.requestSource();
  await world.fetched(revision);
  expect(clouds.asked).toEqual([]);
});

test('an account that has lost its role is named, and the last artifact stays', async () => {
  const before = (await world.get(world.sourceKey()))?.['status'] as { artifact: object };
  const key = { group: '', version: 'v1', kind: 'ServiceAccount', namespace: world.namespace, name: 'git' };
  const annotations = { 'azure.workload.identity/client-id': 'other' };
  await world.cluster.patch(key, { metadata: { annotations } }, { type: 'merge' });
  await world.requestSource();
  const source = await world.conditionIs(world.sourceKey(), 'FetchFailed', 'True', 'AuthenticationFailed');
  const message = condition(source, 'FetchFailed')?.message ?? '';
  expect(message).toContain(
    'failed to configure authentication options: Microsoft Entra ID gave no token for client other',
  );
  expect(message).not.toMatch(/eyJ/);
  expect(source['status']).toMatchObject({ artifact: before.artifact });
});

test("an identity is for its cloud's hosts alone", async () => {
  visitors.length = 0;
  await world.gitRepository({ ...reached, url: world.repository.url, provider: 'azure', serviceAccountName: 'git' });
  const source = await world.conditionIs(world.sourceKey(), 'FetchFailed', 'True', 'AuthenticationFailed');
  await world.until(world.sourceKey(), 'name the host', (object) =>
    (condition(object, 'FetchFailed')?.message ?? '').includes('no token of Azure is given to http://'),
  );
  expect(condition(source, 'Ready')?.status).toBe('False');
  expect(visitors).toEqual([]);
  expect(await world.problems()).toEqual([]);
});
