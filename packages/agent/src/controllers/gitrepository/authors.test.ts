import { gitRepositoryMessages as messages, say } from '@plumb/api';
import type { Authors, Commits, GitRequest, RevisionRange, SignedWords } from '@plumb/sources';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { CloudIdentities } from '../../runtime/cloud-identities.ts';
import { conditionOf, gitRepository, REVISION } from '../../testing/builders.ts';
import { authorsOf, commitsOf, signedIn, type AuthorsHands } from './authors.ts';

const FOUND = { authors: [{ name: 'Alice', email: 'alice@example.test' }], message: 'change' };
const MADE_OF = { commits: [{ id: 'a', tree: 't', parents: ['b'], people: FOUND.authors }], isNew: true };
const WORDS = { commit: 'a', head: null, tags: [], left: 0 };
const VERIFY = { spec: { verify: { mode: 'HEAD', secretRef: { name: 'keys' } } } };
const SIGNED = say(messages.verified, {
  tag: { name: `v1@${'2'.repeat(40)}`, key: 'A'.repeat(16) },
  commit: { name: '1'.repeat(40), key: 'SHA256:abc' },
});
const VERIFIED = { conditions: [{ ...conditionOf('SourceVerified', 'True', 'Succeeded'), message: SIGNED.text }] };

let cluster: MemoryCluster;
let ranges: RevisionRange[];
let request: () => Promise<GitRequest>;

beforeEach(async () => {
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  ranges = [];
});

function handsWith(object: ReturnType<typeof gitRepository> | undefined): AuthorsHands {
  const sources = {
    authors: (_source: unknown, range: RevisionRange, asked: () => Promise<GitRequest>): Promise<Authors> => {
      ranges.push(range);
      request = asked;
      return Promise.resolve(FOUND);
    },
    commits: (): Promise<Commits> => Promise.resolve(MADE_OF),
    signed: (): Promise<SignedWords> => Promise.resolve(WORDS),
  };
  const identities = new CloudIdentities({ cluster });
  const { signal } = new AbortController();
  return { cluster, identities, defaultServiceAccount: undefined, sources, signal, find: () => object };
}

function told(object: ReturnType<typeof gitRepository> | undefined, revision = REVISION, kind = 'GitRepository') {
  return authorsOf({ kind, namespace: 'shop', name: 'shop' }, { revision, since: null }, handsWith(object));
}

test('the commits of a revision are told with the address they come from', async () => {
  const source = { kind: 'GitRepository', namespace: 'shop', name: 'shop' };
  const range = { revision: REVISION, since: null };
  const object = gitRepository();
  expect(await commitsOf(source, range, handsWith(object))).toEqual({ ...MADE_OF, url: object.spec.url });
  expect(await commitsOf(source, range, handsWith(undefined))).toEqual({ unknown: 'its GitRepository is not there' });
});

test('what is signed of a revision is told', async () => {
  const source = { kind: 'GitRepository', namespace: 'shop', name: 'shop' };
  const question = { revision: REVISION, openpgp: [], ssh: [], isWanted: null, isHeadWanted: true };
  expect(await signedIn(source, question, handsWith(gitRepository()))).toBe(WORDS);
  expect(await signedIn(source, question, handsWith(undefined))).toEqual({ unknown: 'its GitRepository is not there' });
});

test('the authors of a revision are told with its message', async () => {
  expect(await told(gitRepository())).toEqual({ ...FOUND, verified: false });
  expect(ranges).toEqual([{ revision: REVISION, since: null }]);
});

describe('a revision counts as verified', () => {
  test.each([
    ['where its condition says so', gitRepository(REVISION, { ...VERIFY, status: VERIFIED }), true],
    ['not where nothing asks for it any more', gitRepository(REVISION, { status: VERIFIED }), false],
    ['not where nothing was verified yet', gitRepository(REVISION, VERIFY), false],
    [
      'not where another revision was',
      gitRepository(`${REVISION.slice(0, -1)}2`, { ...VERIFY, status: VERIFIED }),
      false,
    ],
    [
      'not where something else was asked for then',
      gitRepository(REVISION, { ...VERIFY, metadata: { generation: 2 }, status: VERIFIED }),
      false,
    ],
  ])('%s', async (_how, object, verified) => {
    expect(await told(object)).toEqual({ ...FOUND, verified, ...(verified && { signer: 'SHA256:abc' }) });
  });
});

describe('authors are not looked up', () => {
  const include = [{ repository: { name: 'other' } }];
  const includes = 'its GitRepository includes others, of which they are not looked up';
  const submodules = 'its GitRepository has submodules, of which they are not looked up';
  test.each([
    ['of included repositories', { spec: { include } }, includes],
    ['of those that were included', { status: { observedInclude: include } }, includes],
    ['of submodules', { spec: { recurseSubmodules: true } }, submodules],
    ['of submodules that were there', { status: { observedRecurseSubmodules: true } }, submodules],
  ])('%s', async (_what, parts, unknown) => {
    expect(await told(gitRepository(REVISION, parts))).toEqual({ unknown });
    expect(ranges).toEqual([]);
  });

  test.each(['OCIRepository', 'Bucket', 'ExternalArtifact'])('of an artifact of the kind %s', async (kind) => {
    expect(await told(gitRepository(), REVISION, kind)).toEqual({
      unknown: `an artifact of the kind ${kind} does not tell`,
    });
  });

  test('of a GitRepository that is gone', async () => {
    expect(await told(undefined)).toEqual({ unknown: 'its GitRepository is not there' });
  });
});

test('the remote is asked with the credentials of the GitRepository, or not at all', async () => {
  const object = gitRepository(REVISION, { spec: { secretRef: { name: 'login' }, timeout: '5s' } });
  await told(object);
  await expect(request()).rejects.toThrow('secrets "login" not found');
  const data = { username: btoa('ada'), password: btoa('secret') };
  await cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login', namespace: 'shop' }, data });
  expect(await request()).toMatchObject({ auth: { username: 'ada', password: 'secret' }, timeout: 5_000 });
});
