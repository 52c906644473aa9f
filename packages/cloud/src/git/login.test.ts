import { CloudServer, FakeClock } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Clouds } from '../clouds.ts';
import { gitLogin, type GitHosting } from './login.ts';

const ROLE = 'arn:aws:iam::123456789012:role/shop';
const CODECOMMIT = 'https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/shop';
const DEVOPS = 'https://dev.azure.com/org/project/_git/shop';
const SUBJECT = 'system:serviceaccount:apps:shop';
const TENANT = '11111111-2222-3333-4444-555555555555';
const ANNOTATIONS = {
  'eks.amazonaws.com/role-arn': ROLE,
  'azure.workload.identity/tenant-id': TENANT,
  'azure.workload.identity/client-id': 'shop',
};

let clock: FakeClock;
let server: CloudServer;
beforeEach(async () => {
  clock = new FakeClock();
  server = await CloudServer.start({ now: () => clock.now() });
  server.aws.roles.set(ROLE, SUBJECT);
  server.azure.clients.set(`${TENANT}/shop`, { subject: SUBJECT });
});
afterEach(() => server.close());

function jwt(claims: object): string {
  const parts = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return `${parts.join('.')}.`;
}

function login(hosting: Partial<GitHosting> & Pick<GitHosting, 'provider' | 'url'>, environment = {}) {
  const clouds = new Clouds({
    accounts: {
      annotations: ({ name }) => Promise.resolve(name === 'shop' ? ANNOTATIONS : null),
      token: ({ namespace, name }, aud) =>
        Promise.resolve({
          value: jwt({ sub: `system:serviceaccount:${namespace}:${name}`, aud }),
          expiresAt: clock.now() + 3_600_000,
        }),
    },
    environment,
    endpoints: server.endpoints,
    now: () => clock.now(),
  });
  return gitLogin({ identity: { namespace: 'apps', name: 'shop' }, ...hosting }, clouds);
}

test('the role of a service account signs for CodeCommit, for one repository and a quarter of an hour', async () => {
  const made = await login({ provider: 'aws', url: CODECOMMIT });
  expect(server.aws.gitRoleOf(made, CODECOMMIT)).toBe(ROLE);
  expect(server.aws.gitRoleOf(made, `${CODECOMMIT}-2`)).toBeNull();
  await clock.advance(15 * 60_000);
  expect(server.aws.gitRoleOf(made, CODECOMMIT)).toBeNull();
});

test("the agent's own keys sign where no account is named", async () => {
  const { accessKeyId, secretAccessKey } = server.aws.keysOf(ROLE);
  const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const made = await login({ provider: 'aws', url: CODECOMMIT, identity: null }, environment);
  expect(server.aws.gitRoleOf(made, CODECOMMIT)).toBe(ROLE);
});

test('the client of a service account gets a token for Azure DevOps', async () => {
  const made = await login({ provider: 'azure', url: DEVOPS });
  const token = 'bearerToken' in made ? made.bearerToken : '';
  expect(server.azure.grantOf(token)).toEqual({
    client: 'shop',
    scope: '499b84ac-1321-427f-aa17-267ca6975798/.default',
  });
});

test('the managed identity gets one where no account is named', async () => {
  server.azure.instanceClient = 'node';
  const made = await login({ provider: 'azure', url: 'https://org.visualstudio.com/p/_git/shop', identity: null });
  expect(made).toHaveProperty('bearerToken');
});

test.each([
  ['https://git.example/shop', 'https://git.example'],
  ['https://dev.azure.com.evil.example/shop', 'https://dev.azure.com.evil.example'],
  ['https://dev.azure.com:8443/shop', 'https://dev.azure.com:8443'],
  ['http://dev.azure.com/shop', 'http://dev.azure.com'],
  ['ssh://git@ssh.dev.azure.com/shop', 'ssh://ssh.dev.azure.com'],
])('no token of Azure is given to %s', async (url, where) => {
  await expect(login({ provider: 'azure', url })).rejects.toMatchObject({
    code: 'invalid-spec',
    message: `no token of Azure is given to ${where}: use https://dev.azure.com`,
  });
  expect(server.asked).toEqual([]);
});

test.each(['aws', 'azure'] as const)('an account that is not there is named (%s)', async (provider) => {
  const url = provider === 'aws' ? CODECOMMIT : DEVOPS;
  await expect(login({ provider, url, identity: { namespace: 'apps', name: 'gone' } })).rejects.toMatchObject({
    code: 'invalid-spec',
    message: 'ServiceAccount/apps/gone not found',
  });
});

test('a role that is given to another account is refused, without a secret in the words', async () => {
  server.aws.roles.set(ROLE, 'system:serviceaccount:other:shop');
  const failure = await login({ provider: 'aws', url: CODECOMMIT }).then(
    () => null,
    (error: Error) => error,
  );
  expect(failure).toMatchObject({ code: 'authentication-failed' });
  expect(failure?.message).toContain('AccessDenied');
  expect(failure?.message).not.toContain(jwt({}).split('.')[0] ?? '');
});
