import { gunzipSync } from 'node:zlib';
import type { JsonObject, KubeObject } from '@plumb/api';

const TYPE = 'helm.sh/release.v1';

/** A record of a release, as Helm itself would read it. */
export interface HelmRecord {
  readonly name: string;
  readonly namespace: string;
  /** The namespace of its Secret. */
  readonly storage: string;
  readonly version: number;
  readonly status: string;
  readonly description: string;
  /** `name@version` */
  readonly chart: string;
  readonly config: JsonObject;
  readonly manifest: string;
}

interface Stored {
  name: string;
  namespace: string;
  version: number;
  info: { status: string; description?: string };
  chart: { metadata: { name: string; version: string } };
  config?: JsonObject;
  manifest?: string;
}

export function isRecord(object: KubeObject): boolean {
  return object['type'] === TYPE;
}

/** Reads the Secret of a record. */
export function readRecord(secret: KubeObject): HelmRecord {
  const { release = '' } = secret['data'] as { release?: string };
  const zipped = Buffer.from(Buffer.from(release, 'base64').toString(), 'base64');
  const stored = JSON.parse(gunzipSync(zipped).toString()) as Stored;
  const { name, namespace, version, info, chart, config = {}, manifest = '' } = stored;
  return {
    name,
    namespace,
    storage: secret.metadata.namespace ?? '',
    version,
    status: info.status,
    description: info.description ?? '',
    chart: `${chart.metadata.name}@${chart.metadata.version}`,
    config,
    manifest,
  };
}

/** The Secret that Helm would store such a record in. */
export function secretName({ name, version }: Pick<HelmRecord, 'name' | 'version'>): string {
  return `sh.helm.release.v1.${name}.v${version}`;
}
