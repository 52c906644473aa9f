import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GitRepository, KubeObject } from '@plumb/api';
import { crds, gitRepositoryMessages as messages, say, systemError } from '@plumb/api';
import { createGitSources, type GitSources } from '@plumb/sources';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CloudIdentities } from '../../runtime/cloud-identities.ts';
import type { Report } from '../../runtime/outcome.ts';
import { AT, gitRepository } from '../../testing/builders.ts';
import { actFetch } from './act.ts';
import { report } from './report.ts';

let dir: string;
let real: GitSources;
let cluster: MemoryCluster;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-act-'));
  real = createGitSources({ dir });
  cluster = new MemoryCluster();
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'test' });
});
afterEach(async () => {
  await real.close();
  await rm(dir, { recursive: true, force: true });
});

/** What is told of one run of an object with this spec. */
async function told(spec: object, sources: GitSources = real): Promise<Report> {
  const { status: _status, ...wanted } = gitRepository(null, { spec });
  const object = (await cluster.create(wanted as unknown as KubeObject)) as unknown as GitRepository;
  const clock = new FakeClock();
  const memory = { uid: 'u', succeeded: null, failed: null, wakes: 0, spread: 0 };
  const outcome = await actFetch(object, memory, {
    cluster,
    note: () => undefined,
    sources,
    clock,
    signal: new AbortController().signal,
    artifactHost: 'localhost',
    configs: { ready: () => Promise.resolve() },
    identities: new CloudIdentities({ cluster }),
    defaultServiceAccount: undefined,
    find: () => undefined,
    standing: () => [],
  });
  return report(object, outcome, { now: AT, interval: 60_000 });
}

test.each(['https://ada:hunter2@git.test/x', 'https://git.test/x?token=hunter2', 'https://ada:a/hunter2@git.test/x'])(
  'I8: the secret in the url %s is told nowhere, and the failure once',
  async (url) => {
    const { status, events } = await told({ url });
    expect(events).toMatchObject([{ reason: 'URLInvalid' }]);
    expect(JSON.stringify([status, events])).not.toContain('hunter2');
    expect(events[0]?.message.match(/failed to parse url/g)).toHaveLength(1);
  },
);

test('the page shows what is said of a url without a host', async () => {
  const { events } = await told({ url: 'https://' });
  expect(events[0]?.message).toBe(say(messages.urlInvalid, messages.urlInvalid.example).text);
});

test.each<[stage: 'resolve' | 'publish', reason: string, text: string]>([
  ['resolve', 'GitOperationFailed', 'preparing the fetch failed: ENOSPC'],
  ['publish', 'ArchiveOperationFailed', 'unable to archive artifact to storage: preparing the fetch failed: ENOSPC'],
])('a disk that fails to %s is told once, as %s', async (stage, reason, message) => {
  const full = (): Promise<never> =>
    Promise.reject(systemError('storage-failed', 'preparing the fetch failed: ENOSPC'));
  const resolve = (): ReturnType<GitSources['resolve']> =>
    Promise.resolve({ revision: 'main@sha1:1', commit: '1', subject: '' });
  const { events } = await told({}, { ...real, resolve, [stage]: full });
  expect(events).toMatchObject([{ reason, message }]);
});
