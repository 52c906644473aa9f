import { gitRepositoryMessages as messages, say } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { gitRepository } from '../../testing/builders.ts';
import { readCredentials } from './credentials.ts';

/** What becomes of a Secret `shop` with these keys. */
async function read(keys: Readonly<Record<string, string>>, spec: object = {}, defaultServiceAccount?: string) {
  const cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'flux-system' } });
  const data = Object.fromEntries(
    Object.entries(keys).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await cluster.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'shop', namespace: 'flux-system' },
    data,
  });
  const object = gitRepository(null, {
    metadata: { namespace: 'flux-system' },
    spec: { secretRef: { name: 'shop' }, ...spec },
  });
  const { signal } = new AbortController();
  const identities = new CloudIdentities({ cluster });
  return readCredentials(object, { cluster, identities, defaultServiceAccount, signal });
}

const APP = { githubAppID: '42', githubAppPrivateKey: 'pem' };
const failed = 'failed to configure authentication options: secret';

test.each([
  [{ githubAppInstallationID: '7' }, { id: '7' }],
  [{ githubAppInstallationOwner: 'acme' }, { owner: 'acme' }],
])('a GitHub App is installed where %j says', async (keys, installation) => {
  const found = await read({ ...APP, ...keys }, { provider: 'github' });
  expect(found).toEqual({ auth: { githubApp: { appId: '42', privateKey: 'pem', installation } } });
});

test.each<[what: string, keys: Record<string, string>, text: string]>([
  [
    'no installation',
    APP,
    `${failed} 'flux-system/shop' needs 'githubAppInstallationID' or 'githubAppInstallationOwner'`,
  ],
  [
    'two installations',
    { ...APP, githubAppInstallationID: '7', githubAppInstallationOwner: 'acme' },
    `${failed} 'flux-system/shop' holds both 'githubAppInstallationID' and 'githubAppInstallationOwner': give one of them`,
  ],
  ['no key', { githubAppID: '42' }, `${failed} 'flux-system/shop' needs 'githubAppPrivateKey'`],
])('a GitHub App with %s is told by the key to set', async (_, keys, text) => {
  expect(await read(keys, { provider: 'github' })).toMatchObject({ said: { text } });
});

test('the page shows what is said of a password without a user', async () => {
  const shown = say(messages.credentialsInvalid, messages.credentialsInvalid.example);
  expect(await read({ password: 'hunter2' })).toEqual({ said: shown });
});

test.each<[what: string, spec: object, defaultAccount: string | undefined, asked: string]>([
  ['that names none', {}, 'default', 'default'],
  ['that names one', { serviceAccountName: 'git' }, 'default', 'git'],
])('an object %s logs in at a cloud as an account of its namespace', async (_what, spec, defaultAccount, asked) => {
  const azure = { provider: 'azure', url: 'https://dev.azure.com/acme/shop/_git/web', secretRef: undefined };
  const answer = await read({}, { ...azure, ...spec }, defaultAccount);
  const text = `failed to configure authentication options: ServiceAccount/flux-system/${asked} not found`;
  expect(answer).toMatchObject({ said: { text } });
});
