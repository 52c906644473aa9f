import { EXTERNAL_ARTIFACT_KIND, GIT_REPOSITORY, HELM_CHART } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from './support/artifact-server.ts';
import {
  answered,
  configMapTemplate,
  eventsOf,
  historyOf,
  messageOf,
  recordsOf,
  request,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

const OCI_REPOSITORY = { ...GIT_REPOSITORY, kind: 'OCIRepository' };
const EXTERNAL_ARTIFACT = { ...GIT_REPOSITORY, kind: EXTERNAL_ARTIFACT_KIND };
/** A chart that its server does not have is asked for again after so long. Milliseconds. */
const RETRY = 1_000;

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ agent: { externalArtifacts: true, dependencyInterval: RETRY } });
});
afterAll(async () => {
  await releases.close();
});

const chart = (colour = 'green'): Record<string, string> => ({
  'templates/main.yaml': configMapTemplate('main', { colour, version: '"{{ .Chart.Version }}"' }),
});
const ref = (kind: string, name: string): Record<string, unknown> => ({ chartRef: { kind, name } });
const dataOf = async (name: string): Promise<unknown> => (await releases.object('ConfigMap', `${name}-main`))?.['data'];
const short = (digest: string): string => digest.slice('sha256:'.length).slice(0, 12);

test.each([
  ['HelmChart', HELM_CHART],
  ['ExternalArtifact', EXTERNAL_ARTIFACT],
])('a chart from %s has its own version', async (kind, source) => {
  const name = `from-${kind.toLowerCase()}`;
  const revision = kind === 'HelmChart' ? '1.2.3' : `main@sha256:${'ab'.repeat(32)}`;
  await releases.offer(source, name, chart(), { version: '1.2.3', revision });
  await releases.release(name, ref(kind, name));
  const { status } = await releases.ready(name);
  expect(status).toMatchObject({ lastAttemptedRevision: '1.2.3' });
  expect(status).not.toHaveProperty('lastAttemptedRevisionDigest');
  expect(status?.history?.[0]).toMatchObject({ chartName: name, chartVersion: '1.2.3' });
  expect(status?.history?.[0]).not.toHaveProperty('ociDigest');
  expect(await dataOf(name)).toEqual({ colour: 'green', version: '1.2.3' });
});

test('one from an OCIRepository is told apart by its digest', async () => {
  const { digest } = await releases.offer(OCI_REPOSITORY, 'oci', chart(), { version: '1.2.3+meta', revision: '1.2.3' });
  await releases.release('oci', ref('OCIRepository', 'oci'));
  const { status } = await releases.ready('oci');
  const version = `1.2.3+${short(digest)}`;
  expect(status).toMatchObject({ lastAttemptedRevision: version, lastAttemptedRevisionDigest: digest });
  expect(status?.history?.[0]).toMatchObject({ chartName: 'oci', chartVersion: version, ociDigest: digest });
  expect(await dataOf('oci')).toEqual({ colour: 'green', version });
  await releases.world.event(releases.key('oci'), 'InstallSucceeded');
  const [event] = await releases.world.cluster
    .list({ group: '', version: 'v1', kind: 'Event' }, { namespace: releases.world.namespace })
    .then(({ items }) => items.filter((one) => String(one['message']).includes(`oci@${version}`)));
  expect(event?.metadata.annotations).toMatchObject({
    'helm.toolkit.fluxcd.io/revision': version,
    'helm.toolkit.fluxcd.io/oci-digest': digest,
  });
});

test('a tag that moves is an upgrade; the same digest under another tag is none, nor is a restart', async () => {
  const moved = await releases.offer(OCI_REPOSITORY, 'oci', chart('red'), { version: '1.2.3' });
  const isMoved = (text: string | undefined): boolean => text === moved.digest;
  const release = await releases.until('oci', 'be upgraded', ({ status }) => isMoved(status?.history?.[0]?.ociDigest));
  expect(historyOf(release)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  expect(await dataOf('oci')).toEqual({ colour: 'red', version: `1.2.3+${short(moved.digest)}` });
  await releases.offer(OCI_REPOSITORY, 'oci', chart('red'), { version: '1.2.3', revision: 'latest' });
  await releases.stopAgent();
  await releases.startAgent({ externalArtifacts: true, dependencyInterval: RETRY });
  await releases.answered('oci');
  expect(await recordsOf(releases, 'oci')).toEqual(['v2 deployed', 'v1 superseded']);
});

test('of a HelmChart a new version is an upgrade, another digest of the same version is none', async () => {
  const name = 'from-helmchart';
  await releases.offer(HELM_CHART, name, chart('red'), { version: '1.2.4' });
  const upgraded = await releases.until(name, 'be upgraded', (seen) => historyOf(seen)[0] === 'v2 deployed upgrade');
  expect(upgraded.status?.history?.[0]).toMatchObject({ chartVersion: '1.2.4' });
  await releases.offer(HELM_CHART, name, chart('blue'), { version: '1.2.4' });
  await answered(releases, name, await request(releases, name));
  expect((await recordsOf(releases, name))[0]).toBe('v2 deployed');
  expect(await dataOf(name)).toEqual({ colour: 'red', version: '1.2.4' });
});

test('a download that is not what its digest says is refused, and what runs stays', async () => {
  const wrong = digestOf(Buffer.from('something else'));
  await releases.offer(OCI_REPOSITORY, 'oci', chart('blue'), { version: '1.3.0', digest: wrong });
  const failed = await releases.until('oci', 'fail', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
  expect(messageOf(failed, 'Ready')).toMatch(/^Could not load chart: .*digest/);
  expect(messageOf(failed, 'Ready')).toContain(wrong);
  expect(await recordsOf(releases, 'oci')).toEqual(['v2 deployed', 'v1 superseded']);
  await releases.offer(OCI_REPOSITORY, 'oci', chart('blue'), { version: '1.3.0' });
  await releases.until('oci', 'be upgraded', (seen) => historyOf(seen)[0] === 'v3 deployed upgrade');
});

test('a chart that its server does not have is asked for again until it does', async () => {
  const { archive, path } = await releases.offer(HELM_CHART, 'late', chart());
  releases.withdraw(path);
  await releases.release('late', ref('HelmChart', 'late'));
  const failed = await releases.until('late', 'miss it', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
  expect(messageOf(failed, 'Ready')).toBe('Source not ready: artifact not found. Retrying in 1s');
  expect(await eventsOf(releases, 'late')).toEqual([]);
  releases.serve(path, archive);
  await releases.ready('late');
});

test('a release that is as declared needs no chart: its server may be away, also for drift', async () => {
  await releases.release('late', { ...ref('HelmChart', 'late'), driftDetection: { mode: 'enabled' } });
  await releases.ready('late');
  const asked = releases.asked.length;
  const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: releases.world.namespace, name: 'late-main' };
  await releases.world.edit(key, { data: { colour: 'red' } });
  await releases.world.event(releases.key('late'), 'DriftCorrected');
  await releases.answered('late');
  expect(releases.asked.length).toBe(asked);
});

test('a source that is not there, has nothing yet, or has it of an older spec is waited for', async () => {
  const { namespace } = releases.world;
  await releases.release('early', ref('OCIRepository', 'early'));
  const waits = (message: string): ReturnType<Releases['until']> =>
    releases.until('early', `wait: ${message}`, (seen) => messageOf(seen, 'Ready') === message);
  const missing = await waits(`could not get Source object: OCIRepository/${namespace}/early not found`);
  expect(says(missing, 'Ready')).toBe('False ArtifactFailed');
  const source = {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'OCIRepository',
    metadata: { name: 'early', namespace },
  };
  await releases.world.apply({ ...source, spec: { url: 'oci://charts.example/early' } });
  const empty = await waits(`OCIRepository '${namespace}/early' is not ready: does not have an artifact`);
  expect(says(empty, 'Ready')).toBe('False SourceNotReady');
  await releases.world.apply({ ...source, spec: { url: 'oci://charts.example/early', suspend: false } });
  const key = { ...OCI_REPOSITORY, namespace, name: 'early' };
  const outdated = { status: { observedGeneration: 1 } };
  await releases.world.cluster.patch(key, outdated, { type: 'merge', subresource: 'status' });
  await waits(`OCIRepository '${namespace}/early' is not ready: latest generation of object has not been reconciled`);
  await releases.offer(OCI_REPOSITORY, 'early', chart());
  await releases.ready('early');
});

test('one that is stalled says why, and what runs stays', async () => {
  const { namespace } = releases.world;
  const key = { ...OCI_REPOSITORY, namespace, name: 'early' };
  const stalled = { type: 'Stalled', status: 'True', reason: 'URLInvalid', message: 'invalid URL' };
  const conditions = [{ ...stalled, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await releases.world.cluster.patch(key, { status: { conditions } }, { type: 'merge', subresource: 'status' });
  await releases.release('early', { ...ref('OCIRepository', 'early'), values: { a: 1 } });
  const message = `OCIRepository '${namespace}/early' is not ready: invalid URL`;
  await releases.until('early', 'say so', (seen) => messageOf(seen, 'Ready') === message);
  expect(await recordsOf(releases, 'early')).toEqual(['v1 deployed']);
});

test('what is no chart is told', async () => {
  const { path } = await releases.offer(EXTERNAL_ARTIFACT, 'none', { 'Chart.yaml': 'name: [\n' });
  await releases.release('none', ref('ExternalArtifact', 'none'));
  const failed = await releases.until('none', 'fail', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
  expect(messageOf(failed, 'Ready')).toMatch(/^Could not load chart: /);
  expect(releases.asked.filter((one) => one === path)).toHaveLength(1);
});

test('another kind of source with the same chart and version is no upgrade but for what an OCIRepository adds', async () => {
  await releases.offer(HELM_CHART, 'swap', chart());
  await releases.release('swap', ref('HelmChart', 'swap'));
  await releases.ready('swap');
  await releases.offer(EXTERNAL_ARTIFACT, 'swap', chart());
  await releases.release('swap', ref('ExternalArtifact', 'swap'));
  expect(historyOf(await releases.ready('swap'))).toEqual(['v1 deployed install']);
  const { digest } = await releases.offer(OCI_REPOSITORY, 'swap', chart());
  await releases.release('swap', ref('OCIRepository', 'swap'));
  const { status } = await releases.ready('swap');
  expect(status?.history?.[0]).toMatchObject({ version: 2, ociDigest: digest });
  await releases.release('swap', ref('HelmChart', 'swap'));
  const back = await releases.ready('swap');
  expect(back.status?.history?.[0]).toMatchObject({ version: 3, chartVersion: '1.0.0' });
  expect(back.status?.history?.[0]).not.toHaveProperty('ociDigest');
  expect(back.status).not.toHaveProperty('lastAttemptedRevisionDigest');
});

test('without leave an ExternalArtifact is refused', async () => {
  await releases.stopAgent();
  await releases.startAgent();
  await releases.release('closed', ref('ExternalArtifact', 'swap'));
  const refused = await releases.until('closed', 'be refused', (seen) => says(seen, 'Stalled') !== undefined);
  expect(says(refused, 'Ready')).toBe('False AccessDenied');
  expect(messageOf(refused, 'Ready')).toBe(
    `can't access 'ExternalArtifact/${releases.world.namespace}/swap', ExternalArtifact feature gate is disabled (--external-artifacts)`,
  );
  expect(await releases.problems()).toEqual([]);
});
