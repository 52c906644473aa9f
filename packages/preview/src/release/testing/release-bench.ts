import { fileURLToPath } from 'node:url';
import type { HelmRelease, JsonObject, KubeObject } from '@plumb/api';
import { createEngine, type Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { HELM_RELEASES, unitAmong } from '../../read-unit.ts';
import { Secrets } from '../../secrets.ts';
import { buildAfresh, type BuiltRelease } from '../build-release.ts';
import { declareRelease, type DeclaredRelease } from '../declare.ts';
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
    const chart = { archive, metadata, version: metadata.version, ociDigest: '' };
    return declareRelease({ release, chart, engine: this.engine, cluster, given, secrets, signal });
  }

  room({ cluster = null, kubeVersion = '', apiVersions = [], given = [] }: BenchRequest = {}): Promise<Room> {
    return roomOf({ cluster, kubeVersion, apiVersions, given, signal });
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
