import { Secrets } from '@plumb/agent';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { HelmRelease, JsonObject, KubeObject } from '@plumb/api';
import { HELM_APPLY_MANAGER, parseJson, printJson } from '@plumb/api';
import { inventoryId } from '@plumb/core';
import { createEngine, type Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { HELM_RELEASES, unitAmong } from '../../read-unit.ts';
import { buildAfresh, type BuiltRelease } from '../build-release.ts';
import { declareRelease, type DeclaredRelease } from '../declare.ts';
import { diffRelease, type ReleaseDiff } from '../diff-release.ts';
import { roomOf, type Room } from '../surroundings.ts';

const { signal } = new AbortController();

export function testEngine(): Engine {
  return createEngine({ path: fileURLToPath(new URL('../../../../../build/engine', import.meta.url)), slots: 1 });
}

/** A HelmRelease `shop/cart`. */
export function releaseOf(spec: object = {}, more: object = {}): HelmRelease {
  const object: KubeObject = {
    apiVersion: 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name: 'cart', namespace: 'shop', generation: 1 },
    spec: { interval: '10m', chartRef: { kind: 'HelmChart', name: 'cart' }, ...spec },
    ...more,
  };
  return unitAmong(HELM_RELEASES, [object], { name: '', namespace: 'shop' }, 'test');
}

export interface BenchRequest {
  release?: HelmRelease;
  given?: readonly KubeObject[];
  cluster?: Cluster | null;
  kubeVersion?: string;
  apiVersions?: readonly string[];
  secrets?: Secrets;
  isUpgrade?: boolean;
}

/** Charts, declared and built in memory. */
export class ReleaseBench {
  readonly engine = testEngine();

  async declare(archive: Uint8Array, request: BenchRequest = {}): Promise<DeclaredRelease> {
    const { release = releaseOf(), given = [], cluster = null, secrets = new Secrets() } = request;
    const metadata = await this.engine.helmChart({ chart: archive, deadline: 20_000 });
    const chart = { archive: () => Promise.resolve(archive), metadata, version: metadata.version, ociDigest: '' };
    return declareRelease({ release, chart, engine: this.engine, cluster, given, secrets, signal });
  }

  room({ cluster = null, kubeVersion = '', apiVersions = [], given = [] }: BenchRequest = {}): Promise<Room> {
    return roomOf({ cluster, kubeVersion, apiVersions, given, signal });
  }

  diff(declared: DeclaredRelease, cluster: Cluster, room: Room): Promise<ReleaseDiff> {
    return diffRelease({ declared, cluster, room, engine: this.engine, signal });
  }

  /** Brings what was built into the cluster as a record and its objects. @returns the status that knows it */
  async install(
    cluster: Cluster,
    { rendered }: BuiltRelease,
    { version = 1, status = 'deployed', description = 'Install complete' } = {},
  ): Promise<NonNullable<HelmRelease['status']>> {
    const time = '2026-01-01T00:00:00Z';
    const name = 'cart';
    const namespace = 'shop';
    const record = {
      name,
      info: { first_deployed: time, last_deployed: time, description, status },
      chart: parseJson(rendered.chartJson),
      config: parseJson(rendered.config),
      manifest: rendered.manifest,
      hooks: rendered.hooks.map((hook) => ({ ...hook, last_run: { phase: '' } }) as unknown as JsonObject),
      version,
      namespace,
      apply_method: 'ssa',
    };
    const json = printJson(record);
    const release = Buffer.from(gzipSync(json).toString('base64')).toString('base64');
    const labels = { name, owner: 'helm', status, version: String(version) };
    await cluster.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `sh.helm.release.v1.${name}.v${version}`, namespace, labels },
      type: 'helm.sh/release.v1',
      data: { release },
    });
    for (const { body } of rendered.bundle.objects)
      await cluster.apply(body, { fieldManager: HELM_APPLY_MANAGER, force: true });
    const bounds = { deadline: 20_000 };
    const digest = await this.engine.helmDigest({ record: json, ...bounds });
    const values = await this.engine.helmValues({ layers: [{ yaml: rendered.config }], ...bounds });
    const snapshot = {
      apiVersion: 'v2',
      digest,
      name,
      namespace,
      version,
      status,
      chartName: rendered.chart.name,
      chartVersion: rendered.chart.version,
      configDigest: 'digest' in values ? values.digest : '',
      firstDeployed: time,
      lastDeployed: time,
    };
    const entries = rendered.bundle.objects.map(({ key }) => ({ id: inventoryId(key), v: key.version }));
    return {
      history: [snapshot],
      storageNamespace: namespace,
      inventory: { entries },
      lastAttemptedGeneration: 1,
      lastAttemptedRevision: snapshot.chartVersion,
      lastAttemptedConfigDigest: snapshot.configDigest,
      lastAttemptedReleaseAction: 'install',
    };
  }

  async build(archive: Uint8Array, request: BenchRequest = {}): Promise<BuiltRelease> {
    const { isUpgrade = false } = request;
    const declared = await this.declare(archive, request);
    return buildAfresh({ declared, isUpgrade, room: await this.room(request), engine: this.engine, signal });
  }
}

/** An object of a file. */
export function object(kind: string, name: string, fields: object = {}, namespace = 'shop'): KubeObject {
  const metadata = { name, ...(namespace === '' ? {} : { namespace }) };
  return { apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1', kind, metadata, ...fields };
}

/** A Secret with a values file. */
export function valuesSecret(values: JsonObject | string, name = 'values'): KubeObject {
  const text = typeof values === 'string' ? values : JSON.stringify(values);
  return object('Secret', name, { stringData: { 'values.yaml': text } });
}
