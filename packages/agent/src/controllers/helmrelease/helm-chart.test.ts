import type { HelmRelease, KubeObject } from '@plumb/api';
import { HELM_APPLY_MANAGER, HELM_CHART, systemError } from '@plumb/api';
import { MemoryCluster } from '@plumb/testkit';
import { beforeEach, expect, test } from 'vitest';
import { helmRelease } from '../../testing/builders.ts';
import { dropHelmChart, keepHelmChart } from './helm-chart.ts';
import { ReleaseMemory } from './memory.ts';

const NAME = 'shop/shop-cart';
const KEY = { ...HELM_CHART, namespace: 'shop', name: 'shop-cart' };
const DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'helmcharts.source.toolkit.fluxcd.io' },
  spec: {
    group: HELM_CHART.group,
    scope: 'Namespaced',
    names: { kind: 'HelmChart', plural: 'helmcharts', singular: 'helmchart' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

let cluster: MemoryCluster;
let memory: ReleaseMemory;

beforeEach(async () => {
  cluster = new MemoryCluster();
  memory = new ReleaseMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
  for (const name of ['shop', 'charts']) {
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  await cluster.create(DEFINITION);
  cluster.clearRequests();
});

/** A release whose chart is asked for by name. */
function asking(
  parts: { version?: string; namespace?: string; helmChart?: string; chartRef?: HelmRelease['spec']['chartRef'] } = {},
): HelmRelease {
  const { version = '1.x', namespace, helmChart, chartRef } = parts;
  const sourceRef = {
    kind: 'HelmRepository' as const,
    name: 'charts',
    ...(namespace === undefined ? {} : { namespace }),
  };
  const chart = { spec: { chart: 'web', version, sourceRef } };
  const { chartRef: _none, ...spec } = helmRelease().spec;
  const status = helmChart === undefined ? {} : { status: { helmChart } };
  return { ...helmRelease(status), spec: { ...spec, ...(chartRef === undefined ? { chart } : { chartRef }) } };
}

const keep = (release: HelmRelease, seen?: string): Promise<string> =>
  keepHelmChart(release, memory, {
    cluster,
    sources: { generation: () => seen },
    signal: AbortSignal.timeout(10_000),
  });
const drop = (release: HelmRelease, id = NAME): Promise<void> =>
  dropHelmChart(release, id, { cluster, signal: AbortSignal.timeout(10_000) });
const writes = (): string[] => cluster.requests.map(({ verb }) => verb).filter((verb) => !/get|list|watch/.test(verb));

test('a HelmChart is made, and not applied again while it is as it was applied', async () => {
  expect(await keep(asking())).toBe(NAME);
  const made = await cluster.get(KEY);
  expect(made).toMatchObject({
    metadata: {
      labels: { 'helm.toolkit.fluxcd.io/name': 'cart', 'helm.toolkit.fluxcd.io/namespace': 'shop' },
      managedFields: [{ manager: HELM_APPLY_MANAGER, operation: 'Apply' }],
    },
    spec: { chart: 'web', version: '1.x', interval: '10m', sourceRef: { kind: 'HelmRepository', name: 'charts' } },
  });
  const seen = `${made?.metadata.uid} ${made?.metadata.generation}`;
  expect(await keep(asking({ helmChart: NAME }), seen)).toBe(NAME);
  expect(await keep(asking({ helmChart: NAME }))).toBe(NAME);
  expect(writes()).toEqual(['apply']);
});

test.each([
  ['is declared otherwise', asking({ version: '2.x', helmChart: NAME }), undefined],
  ['was changed by somebody', asking({ helmChart: NAME }), 'u-other 7'],
])('it is applied again when it %s', async (_name, release, seen) => {
  await keep(asking());
  await keep(release, seen);
  expect(writes()).toEqual(['apply', 'apply']);
});

test('the one before goes when it is asked for elsewhere, or no more', async () => {
  await keep(asking());
  expect(await keep(asking({ namespace: 'charts', helmChart: NAME }))).toBe('charts/shop-cart');
  expect(await cluster.get(KEY)).toBeNull();
  const chartRef = { kind: 'OCIRepository' as const, name: 'web' };
  expect(await keep(asking({ chartRef, helmChart: 'charts/shop-cart' }))).toBe('');
  expect((await cluster.list(HELM_CHART)).items).toEqual([]);
});

test("another's HelmChart of that name stays, and so does what is not there", async () => {
  await cluster.create({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'HelmChart', metadata: KEY_METADATA });
  await drop(asking());
  await drop(asking(), 'shop/none');
  expect(await cluster.get(KEY)).not.toBeNull();
});

const KEY_METADATA = { name: KEY.name, namespace: KEY.namespace };

test('where nobody serves the kind, that is said; nothing is left to delete', async () => {
  await cluster.delete({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    namespace: '',
    name: DEFINITION.metadata.name,
  });
  await expect(keep(asking())).rejects.toThrow('the cluster serves no kind HelmChart in source.toolkit.fluxcd.io/v1');
  await expect(drop(asking())).resolves.toBeUndefined();
});

test('one that cannot be deleted is named', async () => {
  await keep(asking());
  cluster.faults.fail(systemError('api-forbidden', 'not you'), 1, ({ verb }) => verb === 'delete');
  await expect(drop(asking())).rejects.toThrow(`failed to delete HelmChart '${NAME}': not you`);
});
