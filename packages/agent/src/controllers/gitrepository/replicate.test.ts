import type { KubeObject } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import type { GitRequest, GitSources, Resolved } from '@plumb/sources';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { gitRepository } from '../../testing/builders.ts';
import { replicate } from './replicate.ts';

const OFFERED = '1'.repeat(40);
const NEWER = '2'.repeat(40);
const REVISION = `main@sha1:${OFFERED}`;
const DIGEST = `sha256:${'1'.repeat(64)}`;

let cluster: MemoryCluster;
let asked: GitRequest[];
let published: string[];
/** Commits that are signed as they must be. */
let signed: string[];
/** Where the ref is at now. */
let head: string;

const sources: GitSources = {
  resolve: async (_, request): Promise<Resolved> => {
    asked.push(request);
    const commit = request.ref.commit ?? head;
    if (request.verify !== undefined && !signed.includes(commit))
      throw new PlumbError('invalid-commit-signature', `commit ${commit} is not signed`, {
        fault: 'user',
        policy: 'retry',
      });
    return { revision: `main@sha1:${commit}`, commit, subject: '' };
  },
  publish: async (_, { revision }) => {
    published.push(revision);
    return { revision, digest: DIGEST, size: 1, path: 'a' };
  },
  open: async (source, revision) => ({ source, revision, digest: DIGEST, rules: '', tree: {} as never }),
  commits: () => Promise.reject(new Error('not asked')),
  signed: () => Promise.reject(new Error('not asked')),
  authors: async () => ({ unknown: 'nobody asks' }),
  remove: async () => undefined,
  close: async () => undefined,
};

beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.create(secret());
  [asked, published, signed, head] = [[], [], [], OFFERED];
});

const secret = (): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: 'shop' },
  data: { 'ada.sshpub': Buffer.from('ssh-ed25519 AAAA').toString('base64') },
});

function run(verify?: object): Promise<unknown> {
  const object = gitRepository(REVISION, { spec: { ref: { branch: 'main' }, ...(verify && { verify }) } });
  const signal = new AbortController().signal;
  const hands = {
    cluster,
    identities: new CloudIdentities({ cluster }),
    defaultServiceAccount: undefined,
    sources,
    signal,
    find: () => undefined,
    standing: () => [],
    open: async () => null,
  };
  return replicate(object, { revision: REVISION, digest: DIGEST }, hands);
}

const verify = { mode: 'HEAD', secretRef: { name: 'keys' } };

describe('the artifact of another replica', () => {
  test('is verified here too', async () => {
    signed = [OFFERED];
    await expect(run(verify)).resolves.toMatchObject({ revision: REVISION });
    expect(asked).toMatchObject([{ verify: { mode: 'HEAD', ssh: [{ name: 'ada.sshpub' }] } }]);
  });

  test('that is not signed is not fetched, whatever the status says', async () => {
    await expect(run(verify)).rejects.toMatchObject({
      code: 'artifact-missing',
      message: expect.stringContaining('is not signed') as string,
    });
    expect(published).toEqual([]);
  });

  test('is found behind a newer revision that nobody signed', async () => {
    [signed, head] = [[OFFERED], NEWER];
    await expect(run(verify)).resolves.toMatchObject({ revision: REVISION });
    expect(asked.map(({ ref, verify: wanted }) => [ref.commit, wanted?.mode])).toEqual([
      [undefined, 'HEAD'],
      [OFFERED, 'HEAD'],
    ]);
    expect(published).toEqual([REVISION]);
  });

  test('whose tag leads elsewhere by now cannot be verified any more', async () => {
    [signed, head] = [[OFFERED, NEWER], NEWER];
    await expect(run({ ...verify, mode: 'Tag' })).rejects.toMatchObject({
      message: expect.stringContaining('its tag leads elsewhere by now') as string,
    });
    expect(published).toEqual([]);
  });

  test('is not fetched without the keys', async () => {
    await expect(run({ ...verify, secretRef: { name: 'gone' } })).rejects.toMatchObject({
      code: 'artifact-missing',
      message: expect.stringContaining('public keys secret error: secrets "gone" not found') as string,
    });
    expect(asked).toEqual([]);
  });

  test('of a source that is not verified is taken as it is', async () => {
    await expect(run()).resolves.toMatchObject({ revision: REVISION });
    expect(asked).toMatchObject([{ url: 'http://localhost/shop.git' }]);
    expect(asked[0]).not.toHaveProperty('verify');
  });
});
