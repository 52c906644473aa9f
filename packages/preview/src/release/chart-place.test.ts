import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HelmRelease, JsonObject, KubeObject } from '@plumb/api';
import { HELM_CHART, HELM_RELEASE, READ_SOURCES } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import { contentOf, createDownloads, type Downloads } from '@plumb/sources';
import { packChart } from '@plumb/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LoadedChart } from './chart-offer.ts';
import { loadChart, type ChartRequest } from './chart-place.ts';
import { releaseOf, testEngine } from './testing/release-bench.ts';

const engine = testEngine();
afterAll(() => engine.close());
const { signal } = new AbortController();
const env = { PATH: process.env['PATH'] ?? '' };

let dir: string;
let downloads: Downloads;
let server: Server;
let served: Map<string, Uint8Array>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-chart-'));
  served = new Map();
  server = createServer(({ url = '' }, answer) => {
    const bytes = served.get(url);
    answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  downloads = createDownloads({ dir: join(dir, 'data'), hostOverride: `127.0.0.1:${port}` });
  write({
    'fleet/charts/cart/Chart.yaml': 'apiVersion: v2\nname: cart\nversion: 1.4.0\n',
    'fleet/charts/cart/values.yaml': 'a: chart\nb: chart\n',
    'fleet/charts/cart/.helmignore': 'left/\n',
    'fleet/charts/cart/left/a.txt': 'a',
    'fleet/values/prod.yaml': 'b: prod\n',
  });
});
afterEach(async () => {
  await downloads.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true, force: true });
});

function write(files: Record<string, string | Uint8Array>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

function commit(): string {
  const git = (...args: string[]): string => {
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
    return execFileSync('git', [...identity, ...args], {
      cwd: join(dir, 'fleet'),
      env: { ...env, HOME: dir },
    }).toString();
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'First');
  return git('rev-parse', 'HEAD').trim();
}

/** A HelmRelease whose chart is in the repository `fleet`. */
function fromGit(spec: JsonObject = {}): HelmRelease {
  const sourceRef = { kind: 'GitRepository', name: 'fleet', namespace: 'flux-system' };
  return releaseOf({ chartRef: undefined, chart: { spec: { chart: './charts/cart', sourceRef, ...spec } } });
}

function load(request: Partial<ChartRequest> = {}): Promise<LoadedChart> {
  const common = {
    release: fromGit(),
    chartPath: '',
    folder: join(dir, 'fleet'),
    revision: '',
    given: [],
    cluster: null,
  };
  return loadChart({ ...common, engine, downloads, env, signal, ...request });
}

async function filesOf({ chart }: LoadedChart): Promise<Record<string, string>> {
  return Object.fromEntries(
    [...(await contentOf(await chart.archive(signal)))].map(([path, file]) => [path, Buffer.from(file).toString()]),
  );
}

const UNKNOWN_SOURCE = expect.stringContaining('GitRepository/flux-system/fleet is in no file') as string;

describe('the chart of a GitRepository', () => {
  test('is the folder in the clone, as it stands, or at a revision', async () => {
    commit();
    write({ 'fleet/charts/cart/values.yaml': 'a: changed\n' });
    const now = await load({ folder: join(dir, 'fleet', 'charts') });
    expect(await filesOf(now)).toMatchObject({ 'values.yaml': 'a: changed\n' });
    expect(Object.keys(await filesOf(now))).not.toContain('left/a.txt');
    expect(now.chart).toMatchObject({ version: '1.4.0', ociDigest: '', metadata: { name: 'cart' } });
    expect(now.notes).toEqual([UNKNOWN_SOURCE]);
    expect(await filesOf(await load({ revision: 'main' }))).toMatchObject({ 'values.yaml': 'a: chart\nb: chart\n' });
  });

  test('is without what its source leaves out', async () => {
    commit();
    const source: KubeObject = {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: 'fleet', namespace: 'flux-system' },
      spec: { url: 'https://git.example/fleet', interval: '1m', ignore: '/charts/cart/values.yaml\n' },
    };
    const loaded = await load({ given: [source] });
    expect(Object.keys(await filesOf(loaded))).toEqual(['.helmignore', 'Chart.yaml']);
    expect(loaded.notes).toEqual([]);
  });

  test('may be an archive', async () => {
    const archive = packChart({ 'Chart.yaml': 'apiVersion: v2\nname: packed\nversion: 3.0.0\n' });
    write({ 'fleet/charts/packed.tgz': archive });
    const { chart } = await load({ release: fromGit({ chart: 'charts/packed.tgz' }) });
    expect(Buffer.from(await chart.archive(signal)).equals(Buffer.from(archive))).toBe(true);
    expect(chart.version).toBe('3.0.0');
  });

  test('that is not in the clone is named', async () => {
    commit();
    const release = fromGit({ chart: 'charts/other' });
    const named = "the chart 'charts/other' of GitRepository/flux-system/fleet is not in";
    await expect(load({ release })).rejects.toThrow(named);
    await expect(load({ release, revision: 'main' })).rejects.toThrow(/ at main: run this in a clone of it, or give/);
    await expect(load({ release: fromGit({ chart: 'values' }) })).rejects.toThrow("in folder 'values'");
  });

  test('gets the values files of the repository, and the generation of its HelmChart', async () => {
    const release = fromGit({ valuesFiles: ['charts/cart/values.yaml', './values/prod.yaml'] });
    const loaded = await load({ release });
    expect(JSON.parse((await filesOf(loaded))['values.yaml'] ?? '')).toEqual({ a: 'chart', b: 'prod' });
    expect(loaded.chart.version).toBe('1.4.0+1');
    const missing = fromGit({ valuesFiles: ['charts/cart/values.yaml', 'values/dev.yaml'] });
    await expect(load({ release: missing })).rejects.toThrow("no values file found at path 'values/dev.yaml'");
    const lenient = fromGit({ valuesFiles: ['values/prod.yaml', 'values/dev.yaml'], ignoreMissingValuesFiles: true });
    expect(JSON.parse((await filesOf(await load({ release: lenient })))['values.yaml'] ?? '')).toEqual({ b: 'prod' });
    const own = await load({ release: fromGit({ valuesFiles: ['values.yaml'] }) });
    expect(own.chart.version).toBe('1.4.0');
  });

  test('gets the commit into its version where each makes a new one', async () => {
    const id = commit();
    const release = fromGit({ reconcileStrategy: 'Revision', valuesFiles: ['values/prod.yaml'] });
    const { chart } = await load({ release, revision: 'main' });
    expect(chart.version).toBe(`1.4.0+${id.slice(0, 12)}.1`);
    const asItStands = await load({ release });
    expect(asItStands.chart.version).toBe('1.4.0+1');
    expect(asItStands.notes).toContainEqual(expect.stringContaining('gets the commit appended'));
  });
});

describe('a chart on this machine', () => {
  const release = releaseOf();

  test('is a folder, in a repository or not', async () => {
    write({ 'apart/Chart.yaml': 'apiVersion: v2\nname: apart\nversion: 0.1.0\n' });
    const { chart, notes } = await load({ release, chartPath: join(dir, 'apart') });
    expect([chart.metadata.name, notes]).toEqual(['apart', []]);
    commit();
    write({ 'fleet/charts/cart/values.yaml': 'a: changed\n' });
    const chartPath = join(dir, 'fleet/charts/cart');
    expect(await filesOf(await load({ release, chartPath }))).toMatchObject({ 'values.yaml': 'a: changed\n' });
    const before = await load({ release, chartPath, revision: 'HEAD' });
    expect(await filesOf(before)).toMatchObject({ 'values.yaml': 'a: chart\nb: chart\n' });
  });

  test('is an archive, with values files in it for a HelmRepository', async () => {
    const files = {
      'Chart.yaml': 'apiVersion: v2\nname: cart\nversion: 1.4.0\n',
      'values.yaml': 'a: 1',
      'prod.yaml': 'a: 2',
    };
    write({ 'out/cart.tgz': packChart(files, 'cart') });
    const chartPath = join(dir, 'out/cart.tgz');
    expect(await filesOf(await load({ release, chartPath }))).toEqual(files);
    const sourceRef = { kind: 'HelmRepository', name: 'charts' };
    const of = fromGit({ chart: 'cart', sourceRef, valuesFiles: ['values.yaml', 'prod.yaml'] });
    const loaded = await load({ release: of, chartPath });
    expect(JSON.parse((await filesOf(loaded))['values.yaml'] ?? '')).toEqual({ a: 2 });
    expect(loaded.chart.version).toBe('1.4.0+1');
  });

  test.each([
    ['nowhere', 'there is no folder'],
    ['fleet/values', "in folder 'values'"],
    ['fleet/charts/cart/left/a.txt', 'is no gzip-compressed archive'],
    ['out/broken.tgz', 'is no gzip-compressed archive'],
  ])('that is none is named: %s', async (path, message) => {
    commit();
    write({ 'out/broken.tgz': 'broken' });
    await expect(load({ release, chartPath: join(dir, path) })).rejects.toThrow(message);
  });

  test('of an OCIRepository is told to have another version', async () => {
    const release = releaseOf({ chartRef: { kind: 'OCIRepository', name: 'cart' } });
    const { notes } = await load({ release, chartPath: join(dir, 'fleet/charts/cart') });
    expect(notes).toEqual([expect.stringContaining('gets the digest of its OCI artifact appended')]);
  });
});

describe('a chart that the cluster offers', () => {
  let cluster: MemoryCluster;
  beforeEach(async () => {
    cluster = new MemoryCluster();
    for (const kind of [HELM_CHART, HELM_RELEASE, ...READ_SOURCES]) await cluster.create(definitionOf(kind));
    for (const name of ['shop', 'flux-system'])
      await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  });

  function definitionOf({ group, version, kind }: { group: string; version: string; kind: string }): KubeObject {
    const plural = kind.endsWith('y') ? `${kind.slice(0, -1).toLowerCase()}ies` : `${kind.toLowerCase()}s`;
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, plural },
        versions: [{ name: version, served: true, storage: true, subresources: { status: {} }, schema }],
      },
    };
  }

  /** An object that offers a chart. */
  async function offer(
    kind: string,
    { name = 'cart', namespace = 'shop', spec = {}, revision = '1.4.0', isServed = true } = {},
  ): Promise<void> {
    const archive = packChart({ 'Chart.yaml': 'apiVersion: v2\nname: cart\nversion: 1.4.0\n' }, 'cart');
    if (isServed) served.set('/cart.tgz', archive);
    const key = { ...HELM_CHART, kind, namespace, name };
    await cluster.create({ apiVersion: 'source.toolkit.fluxcd.io/v1', kind, metadata: { name, namespace }, spec });
    const digest = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
    const url = 'http://source-controller.flux-system.svc.cluster.local./cart.tgz';
    const artifact = { path: 'cart.tgz', url, revision, digest, lastUpdateTime: '2026-01-01T00:00:00Z' };
    await cluster.patch(key, { status: { artifact } }, { type: 'merge', subresource: 'status' });
  }

  test.each([
    ['HelmChart', '1.4.0', '1.4.0'],
    ['ExternalArtifact', '1.4.0', '1.4.0'],
    ['OCIRepository', `1.4.0@sha256:${'ab12'.repeat(16)}`, '1.4.0+ab12ab12ab12'],
  ])('is that of a %s', async (kind, revision, version) => {
    await offer(kind, { revision });
    const { chart, notes } = await load({ release: releaseOf({ chartRef: { kind, name: 'cart' } }), cluster });
    expect([chart.metadata.name, chart.version]).toEqual(['cart', version]);
    expect(notes).toEqual([`the chart is what ${kind}/shop/cart offers: cart ${version}`]);
  });

  const sourceRef = { kind: 'HelmRepository', name: 'charts' };
  const fromRepository = (spec: JsonObject = {}): HelmRelease =>
    fromGit({ chart: 'cart', version: '1.x', sourceRef, ...spec });
  const made = { name: 'shop-cart', spec: { chart: 'cart', version: '1.x', sourceRef, interval: '10m' } };

  test('is that of the HelmChart made of spec.chart, where it is made of the same', async () => {
    await offer('HelmChart', made);
    const { chart } = await load({ release: fromRepository(), cluster });
    expect(chart.version).toBe('1.4.0');
    await expect(load({ release: fromRepository({ version: '2.x' }), cluster })).rejects.toThrow(
      "HelmChart/shop/shop-cart offers another chart than is declared (spec.chart.spec.version is '2.x', there '1.x'): give it with --chart-path",
    );
  });

  test('takes the place of a folder that the clone has not', async () => {
    await offer('HelmChart', {
      name: 'shop-cart',
      namespace: 'flux-system',
      spec: { chart: 'charts/other', sourceRef: { kind: 'GitRepository', name: 'fleet' } },
    });
    const { notes } = await load({ release: fromGit({ chart: 'charts/other' }), cluster });
    expect(notes).toEqual(['the chart is what HelmChart/flux-system/shop-cart offers: cart 1.4.0']);
  });

  test('gives its generation to the version of a local one of the same declaration', async () => {
    const valuesFiles = ['values/prod.yaml'];
    const spec = { chart: './charts/cart', sourceRef: { kind: 'GitRepository', name: 'fleet' }, valuesFiles };
    await offer('HelmChart', { name: 'shop-cart', namespace: 'flux-system', spec });
    expect((await load({ release: fromGit({ valuesFiles }), cluster })).chart.version).toBe('1.4.0+1');
    const other = fromGit({ valuesFiles: ['charts/cart/values.yaml', ...valuesFiles] });
    expect((await load({ release: other, cluster })).chart.version).toBe('1.4.0+2');
  });

  test.each([
    [
      'not there',
      async () => {},
      'could not get Source object: HelmChart/shop/cart not found: give it with --chart-path',
    ],
    [
      'without an artifact',
      async () =>
        void (await cluster.create({
          apiVersion: 'source.toolkit.fluxcd.io/v1',
          kind: 'HelmChart',
          metadata: { name: 'cart', namespace: 'shop' },
          spec: {},
        })),
      "HelmChart 'shop/cart' is not ready: does not have an artifact: give it with --chart-path",
    ],
    [
      'out of reach',
      () => offer('HelmChart', { isServed: false }),
      /could not be brought: .*port-forward service\/source-controller/,
    ],
  ])('that is %s is named', async (_name, prepare, message) => {
    await prepare();
    await expect(load({ release: releaseOf(), cluster })).rejects.toThrow(message);
  });
});

test('a chart that is neither here nor offered is named', async () => {
  await expect(load({ release: releaseOf() })).rejects.toThrow(
    'the chart comes from HelmChart/shop/cart, and nothing is fetched here: give it with --chart-path, a folder or an archive, or the cluster that offers it (--kubeconfig)',
  );
  const sourceRef = { kind: 'HelmRepository', name: 'charts' };
  await expect(load({ release: fromGit({ chart: 'cart', sourceRef }) })).rejects.toThrow(
    "the chart 'cart' comes from HelmRepository/shop/charts",
  );
});
