import { gzipSync } from 'node:zlib';
import type { JsonObject, KubeObject } from '@plumb/api';
import type { HelmRecord } from './record.ts';
import { secretName } from './record.ts';

/** The Secret of a record of `shop/alder`, deployed with the first version of `stall`, unless it says otherwise. */
export function secretOf(record: Partial<HelmRecord> = {}): KubeObject {
  const { name = 'alder', namespace = 'shop', version = 1, status = 'deployed' } = record;
  const { description = '', chart = 'stall@1.1.0', config = {}, manifest = '' } = record;
  const [chartName = '', chartVersion = ''] = chart.split('@');
  const metadata = { name: chartName, version: chartVersion };
  const stored = { name, namespace, version, info: { status, description }, chart: { metadata }, config, manifest };
  const zipped = gzipSync(JSON.stringify(stored)).toString('base64');
  const labels = { owner: 'helm', name, status, version: String(version) };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName({ name, version }), namespace: 'flux', labels },
    type: 'helm.sh/release.v1',
    data: { release: Buffer.from(zipped).toString('base64') },
  };
}

export function manifestOf(objects: readonly JsonObject[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('');
}
