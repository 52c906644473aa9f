import type { JsonObject, KubeObject } from '@plumb/api';
import { SAMPLE_CHARTS, type SampleChart } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanUp, labelsOf, plain, recordOf, resultOf, type Result } from './support/compare.ts';
import { Helm } from './support/helm.ts';
import { HELM_RUNS } from './support/paths.ts';
import { historyOf, REFUSED_SERVICE, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

// The same life of a release, led by upstream's helm and then by Plumb: changed values, an upgrade that fails and is rolled back, and its end.

let releases: Releases;
let helm: Helm;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
  helm = await Helm.at(releases.plane.kubeconfig);
});
afterAll(async () => {
  await helm.close();
  await releases.close();
});
const { apps, manifests } = SAMPLE_CHARTS;
const ALL = { ...apps, ...manifests } as Record<string, SampleChart>;
/** What the API server refuses, where values say so. */
const REFUSED = `{{- if .Values.refused }}\n${REFUSED_SERVICE}{{- end }}\n`;

/** By the name of the sample: a name, and the values that it is installed, upgraded, and upgraded in vain with. */
const CASES: [sample: string, name: string, values: [JsonObject, JsonObject, JsonObject]][] = [
  [
    'a web server with its defaults',
    'web',
    [{}, { replicas: 1, env: { log_level: 'debug' } }, { replicas: 2, service: { port: 82 } }],
  ],
  ['what is to stay', 'stays', [{}, { any: 'value' }, { any: 'other' }]],
  ['hooks of every sort', 'hooks', [{}, { text: '' }, { text: 'x' }]],
];

/** By helm. @returns what there is after the rollback, and after the end */
async function byHelm(name: string, archive: Uint8Array, [first, second, third]: JsonObject[]): Promise<Result[]> {
  const { namespace } = releases.world;
  const flags = ['--wait', '--wait-for-jobs'];
  const chart = (values: JsonObject = {}) => ({ archive, values: JSON.stringify(values), flags });
  await helm.install(namespace, name, chart(first));
  await helm.upgrade(namespace, name, chart(second));
  await expect(helm.upgrade(namespace, name, chart({ ...third, refused: true }))).rejects.toThrow('70000');
  await helm.run('rollback', name, '2', `--namespace=${namespace}`, ...flags);
  const rolledBack = await resultOf(releases, name);
  await helm.run('uninstall', name, `--namespace=${namespace}`, '--keep-history', '--wait');
  return [rolledBack, await resultOf(releases, name)];
}

async function byPlumb(name: string, [first, second, third]: JsonObject[]): Promise<Result[]> {
  const upgrade = { remediation: { retries: 0, remediateLastFailure: true } };
  const spec = { timeout: '60s', upgrade, uninstall: { keepHistory: true } };
  await releases.release(name, { ...spec, values: first });
  await releases.ready(name);
  await releases.release(name, { ...spec, values: second });
  await releases.ready(name);
  await releases.release(name, { ...spec, values: { ...third, refused: true } });
  const given = await releases.until(name, 'be given up', (seen) => says(seen, 'Stalled') !== undefined, 60_000);
  expect(historyOf(given)[0]).toBe('v4 deployed rollback');
  const rolledBack = await resultOf(releases, name);
  await releases.world.cluster.delete(releases.key(name));
  await releases.world.until(releases.key(name), 'be gone', (object) => object === null, 60_000);
  return [rolledBack, await resultOf(releases, name)];
}

/** What a record says of a failure are its teller's own words. */
async function told(secret: KubeObject | undefined): Promise<JsonObject> {
  const record = await recordOf(secret as KubeObject, true);
  const info = record['info'] as JsonObject;
  const description = (info['description'] as string).replace(/( failed): [^]*$/, '$1');
  return { ...record, info: { ...info, description } };
}

test.runIf(HELM_RUNS).each(CASES)('%s', async (sample, name, values) => {
  const { files = {} } = ALL[sample] ?? {};
  const archive = await releases.chart(name, { ...files, 'templates/refused.yaml': REFUSED });
  const theirs = await byHelm(name, archive, values);
  const { namespace } = releases.world;
  for (const { metadata } of theirs[1]?.records ?? [])
    await releases.world.cluster.delete({ group: '', version: 'v1', kind: 'Secret', namespace, name: metadata.name });
  await cleanUp(releases);
  const ours = await byPlumb(name, values);
  await cleanUp(releases);
  for (const [index, result] of ours.entries()) {
    const other = theirs[index] as Result;
    expect([...result.objects.keys()]).toEqual([...other.objects.keys()]);
    for (const [id, object] of result.objects)
      expect(plain(object, name), id).toEqual(plain(other.objects.get(id), name));
    expect(result.records.map(labelsOf)).toEqual(other.records.map(labelsOf));
    for (const [at, secret] of result.records.entries())
      expect(await told(secret)).toEqual(await told(other.records[at]));
  }
  expect(ours[0]?.records).toHaveLength(4);
});

test.runIf(HELM_RUNS)('nothing went wrong meanwhile', async () => {
  expect(await releases.problems()).toEqual([]);
});
