import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { HELM_CHART } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answered, configMapTemplate, messageOf, request, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { serve } from './support/source-kinds.ts';
import { namespaceKey } from './support/world.ts';

let releases: Releases;
let other: string;
beforeAll(async () => {
  releases = await Releases.start({ agent: false });
  other = `${releases.world.target}-charts`;
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: other } });
});
afterAll(async () => {
  await releases.world.cluster.delete(namespaceKey(other));
  await releases.close();
});

const chartKey = (name: string, namespace = releases.world.namespace): ObjectKey => ({
  ...HELM_CHART,
  namespace,
  name: `${releases.world.namespace}-${name}`,
});

const template = (spec: Record<string, unknown> = {}, metadata?: Record<string, unknown>): Record<string, unknown> => ({
  chartRef: undefined,
  chart: {
    ...(metadata === undefined ? {} : { metadata }),
    spec: { chart: 'cart', sourceRef: { kind: 'HelmRepository', name: 'shop' }, ...spec },
  },
});

const made = async (key: ObjectKey, what: string, holds: (chart: KubeObject | null) => boolean): Promise<KubeObject> =>
  (await releases.world.until(key, what, holds)) as KubeObject;

const offer = (name: string, version = '1.0.0'): Promise<unknown> =>
  releases.chart(
    chartKey(name).name,
    {
      'Chart.yaml': `apiVersion: v2\nname: cart\nversion: ${version}\n`,
      'templates/main.yaml': configMapTemplate('main', { version: '{{ .Chart.Version }}' }),
    },
    version,
  );

const versionIn = (chart: KubeObject | null): unknown => (chart?.['spec'] as JsonObject | undefined)?.['version'];

const status = (key: ObjectKey, patch: JsonObject): Promise<unknown> =>
  releases.world.cluster.patch(key, { status: patch }, { type: 'merge', subresource: 'status' });

test('where the cluster serves no HelmCharts, both ways say so', async () => {
  const definition = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    namespace: '',
    name: 'helmcharts.source.toolkit.fluxcd.io',
  };
  await releases.world.cluster.delete(definition);
  await releases.world.until(definition, 'be gone', (object) => object === null);
  await releases.startAgent();
  const why = 'the cluster serves no kind HelmChart in source.toolkit.fluxcd.io/v1';
  const { namespace } = releases.world;
  await releases.release('neither', { chartRef: { kind: 'HelmChart', name: 'cart' } });
  const missing = `could not get Source object: HelmChart/${namespace}/cart not found: ${why}`;
  const neither = await releases.until('neither', 'say so', (seen) => messageOf(seen, 'Ready') === missing);
  expect(says(neither, 'Ready')).toBe('False ArtifactFailed');
  await releases.release('none', template());
  const message = `could not apply HelmChart '${namespace}/${namespace}-none': ${why}`;
  const none = await releases.until('none', 'say so', (seen) => messageOf(seen, 'Ready') === message);
  expect(says(none, 'Ready')).toBe('False ChartMutateError');
});

test('once it does, they go on by themselves', async () => {
  await serve(releases.world.cluster, [HELM_CHART]);
  await made(chartKey('none'), 'be made', (seen) => seen !== null);
  const { namespace } = releases.world;
  const missing = `could not get Source object: HelmChart/${namespace}/cart not found`;
  const neither = await releases.until('neither', 'say so', (seen) => messageOf(seen, 'Ready') === missing);
  expect(says(neither, 'Ready')).toBe('False ArtifactFailed');
});

test('spec.chart is made a HelmChart, for whoever fetches charts', async () => {
  const metadata = { labels: { team: 'shop' }, annotations: { note: 'x' } };
  const spec = {
    version: '1.x',
    reconcileStrategy: 'Revision',
    valuesFiles: ['a.yaml'],
    ignoreMissingValuesFiles: true,
  };
  await releases.release('made', template(spec, metadata));
  const chart = await made(chartKey('made'), 'be made', (seen) => seen !== null);
  expect(chart['spec']).toEqual({
    ...spec,
    chart: 'cart',
    interval: '10m',
    sourceRef: { kind: 'HelmRepository', name: 'shop' },
  });
  expect(chart.metadata.labels).toEqual({
    team: 'shop',
    'helm.toolkit.fluxcd.io/name': 'made',
    'helm.toolkit.fluxcd.io/namespace': releases.world.namespace,
  });
  expect(chart.metadata.annotations).toEqual({ note: 'x' });
  expect(chart.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['helm-controller']);
});

test('until it has an artifact the release says that it waits for it', async () => {
  const { namespace } = releases.world;
  const says1 = `HelmChart '${namespace}/${namespace}-made' is not ready: does not have an artifact`;
  const release = await releases.until('made', 'wait', (seen) => messageOf(seen, 'Ready') === says1);
  expect(says(release, 'Ready')).toBe('False SourceNotReady');
  expect(release.status).toMatchObject({ helmChart: `${namespace}/${namespace}-made`, observedGeneration: -1 });
});

test.each<{ what: string; patch: JsonObject; why: string }>([
  {
    what: 'nobody has looked at since it changed',
    patch: { observedGeneration: 0 },
    why: 'latest generation of object has not been reconciled',
  },
  {
    what: 'cannot be had',
    patch: {
      observedGeneration: 1,
      conditions: [{ type: 'Stalled', status: 'True', message: 'no such chart', reason: 'X' }],
    },
    why: 'no such chart',
  },
])('one that $what is told of', async ({ patch, why }) => {
  const { namespace } = releases.world;
  await status(chartKey('made'), patch);
  const message = `HelmChart '${namespace}/${namespace}-made' is not ready: ${why}`;
  const release = await releases.until('made', 'tell of it', (seen) => messageOf(seen, 'Ready') === message);
  expect(says(release, 'Ready')).toBe('False SourceNotReady');
});

test('its artifact is installed', async () => {
  await status(chartKey('made'), { conditions: [], observedGeneration: 1 });
  await offer('made');
  const release = await releases.ready('made');
  expect(release.status?.history?.[0]).toMatchObject({ chartName: 'cart', chartVersion: '1.0.0' });
});

test('a change of the template changes it, and nothing else does', async () => {
  const before = await releases.world.get(chartKey('made'));
  await answered(releases, 'made', await request(releases, 'made'));
  expect((await releases.world.get(chartKey('made')))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  await releases.release('made', template({ version: '2.x', interval: '5m' }));
  const chart = await made(chartKey('made'), 'have the new version', (seen) => versionIn(seen) === '2.x');
  expect(chart['spec']).toEqual({
    chart: 'cart',
    version: '2.x',
    interval: '5m',
    reconcileStrategy: 'ChartVersion',
    sourceRef: { kind: 'HelmRepository', name: 'shop' },
  });
  expect(chart.metadata.labels).not.toHaveProperty('team');
  await status(chartKey('made'), { observedGeneration: 2 });
  await offer('made', '2.0.0');
  const release = await releases.until('made', 'be upgraded', (seen) => seen.status?.lastAttemptedRevision === '2.0.0');
  expect(release.status?.history?.[0]).toMatchObject({ version: 2, status: 'deployed' });
});

test('who changes it has it put right', async () => {
  await releases.world.edit(chartKey('made'), { spec: { version: '9.x' } });
  // A request may come before the agent has seen the edit.
  const versionAfterRun = async (): Promise<unknown> => {
    await answered(releases, 'made', await request(releases, 'made'));
    return ((await releases.world.get(chartKey('made')))?.['spec'] as { version?: string } | undefined)?.version;
  };
  await expect.poll(versionAfterRun, { timeout: 60_000 }).toBe('2.x');
});

test('a source in another namespace has it there, and the one of before goes', async () => {
  await releases.release('made', template({ sourceRef: { kind: 'HelmRepository', name: 'shop', namespace: other } }));
  const chart = await made(chartKey('made', other), 'be made', (seen) => seen !== null);
  expect(chart['spec']).toMatchObject({ sourceRef: { kind: 'HelmRepository', name: 'shop' } });
  await releases.world.until(chartKey('made'), 'be gone', (seen) => seen === null);
  const moved = await releases.until(
    'made',
    'name it',
    ({ status: told }) => told?.helmChart === `${other}/${chartKey('made').name}`,
  );
  // What is in force stays so.
  expect(says(moved, 'Released')).toBe('True UpgradeSucceeded');
});

test('chartRef in its place deletes it', async () => {
  await releases.chart(
    'cart',
    { 'templates/main.yaml': configMapTemplate('main', { version: '{{ .Chart.Version }}' }) },
    '3.0.0',
  );
  await releases.release('made', { chart: undefined, chartRef: { kind: 'HelmChart', name: 'cart' } });
  const release = await releases.ready('made');
  expect(release.status).not.toHaveProperty('helmChart');
  expect(release.status?.history?.[0]).toMatchObject({ version: 3, chartVersion: '3.0.0' });
  expect(await releases.world.get(chartKey('made', other))).toBeNull();
});

test('so does the deletion of the release', async () => {
  await releases.release('brief', template());
  await made(chartKey('brief'), 'be made', (seen) => seen !== null);
  await releases.world.cluster.delete(releases.key('brief'));
  await releases.world.until(releases.key('brief'), 'be gone', (object) => object === null);
  expect(await releases.world.get(chartKey('brief'))).toBeNull();
});

test('but not the one of a release that is suspended, nor one that is not ours', async () => {
  await releases.release('still', template());
  await made(chartKey('still'), 'be made', (seen) => seen !== null);
  await releases.until('still', 'name it', ({ status: told }) => told?.helmChart !== undefined);
  await releases.release('still', { ...template(), suspend: true });
  await releases.world.cluster.delete(releases.key('still'));
  await releases.world.until(releases.key('still'), 'be gone', (object) => object === null);
  expect(await releases.world.get(chartKey('still'))).not.toBeNull();
  await releases.world.edit(chartKey('still'), { metadata: { labels: { 'helm.toolkit.fluxcd.io/name': 'other' } } });
  await releases.release('stiller', { ...template(), suspend: true });
  await status(releases.key('stiller'), { helmChart: `${releases.world.namespace}/${chartKey('still').name}` });
  await releases.release('stiller', template());
  await made(chartKey('stiller'), 'be made', (seen) => seen !== null);
  expect(await releases.world.get(chartKey('still'))).not.toBeNull();
  expect(await releases.problems()).toEqual([]);
});
