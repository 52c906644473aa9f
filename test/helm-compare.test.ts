import type { JsonObject, KubeObject } from '@plumb/api';
import { SAMPLE_CHARTS, type SampleChart } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanUp, labelsOf, plain, recordOf, resultOf } from './support/compare.ts';
import { Helm } from './support/helm.ts';
import { HELM_RUNS } from './support/paths.ts';
import { Releases } from './support/releases.ts';

// The same chart, installed and upgraded by upstream's helm and then by Plumb, in one namespace and under one name: what is stored and what
// runs is the same but for what is named here.

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
const { apps, manifests, surroundings } = SAMPLE_CHARTS;
const ALL = { ...apps, ...manifests, ...surroundings } as Record<string, SampleChart>;

/** By the name of the sample: a name, and the values it is installed and upgraded with. */
const CASES: [sample: string, name: string, first: JsonObject, second: JsonObject][] = [
  ['a web server with its defaults', 'web', {}, { replicas: 1, env: { log_level: 'debug' }, service: { port: 81 } }],
  [
    'a web server with all that it can',
    'front',
    { ingress: { enabled: true, tls: [{ hosts: ['a.example'], secretName: 'tls' }] }, autoscaling: { enabled: true } },
    { ingress: { enabled: true }, serviceAccount: { create: false }, tolerations: [{ operator: 'Exists' }] },
  ],
  ['a database with its state', 'db', { replicas: 2 }, { replicas: 1, configuration: { max_connections: 7 } }],
  ['an operator with its roles and webhooks', 'op', {}, { webhook: { enabled: false }, watchNamespaces: ['default'] }],
  ['an agent on every node', 'agent', {}, { outputs: { es: null, file: { host: 'f', port: 1, tls: false } } }],
  ['jobs on a schedule', 'jobs', {}, { jobs: { report: null, extra: { command: ['x'], schedule: '1 1 1 1 *' } } }],
  ['lists of objects', 'lists', {}, { any: 'value' }],
  ['what is to stay', 'stays', {}, { any: 1e21 }],
  ['files of the chart', 'files', {}, { text: 'a\u2028b <&> "q"' }],
  ['lookups that find nothing', 'lookups', {}, { any: [] }],
  ['what is known of the release', 'known', {}, { big: 12345678901234 }],
  ['hooks of every sort', 'hooks', {}, { text: '' }],
];

/** As in Flux, kustomize takes lists apart, and their items are put in order by themselves. */
const LISTS = 'lists of objects';

test.runIf(HELM_RUNS).each(CASES)('%s', async (sample, name, first, second) => {
  const { files = {} } = ALL[sample] ?? {};
  const archive = await releases.chart(name, files);
  const { namespace } = releases.world;
  const flags = ['--wait', '--wait-for-jobs'];
  await helm.install(namespace, name, { archive, values: JSON.stringify(first), flags });
  await helm.upgrade(namespace, name, { archive, values: JSON.stringify(second), flags });
  const theirs = await resultOf(releases, name);
  await helm.run('uninstall', name, '--namespace', namespace, '--wait');
  await cleanUp(releases);

  await releases.release(name, { values: first, timeout: '60s' });
  await releases.ready(name);
  await releases.release(name, { values: second, timeout: '60s' });
  await releases.ready(name);
  const ours = await resultOf(releases, name);
  await releases.world.cluster.delete(releases.key(name));
  await releases.world.until(releases.key(name), 'be gone', (object) => object === null, 60_000);
  await cleanUp(releases);

  expect(theirs.objects.size).toBeGreaterThan(0);
  expect([...ours.objects.keys()]).toEqual([...theirs.objects.keys()]);
  for (const [id, object] of ours.objects) expect(plain(object, name), id).toEqual(plain(theirs.objects.get(id), name));
  expect(ours.records).toHaveLength(2);
  for (const [index, secret] of ours.records.entries()) {
    const other = theirs.records[index] as KubeObject;
    expect(labelsOf(secret)).toEqual(labelsOf(other));
    expect(secret['type']).toEqual(other['type']);
    const inOrder = sample !== LISTS;
    expect(await recordOf(secret, inOrder)).toEqual(await recordOf(other, inOrder));
  }
});

test.runIf(HELM_RUNS)('nothing went wrong meanwhile', async () => {
  expect(await releases.world.problems()).toEqual([]);
});
