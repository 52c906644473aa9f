import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { HELM_OWNER_NAME_LABEL, HELM_OWNER_NAMESPACE_LABEL, keyOf } from '@plumb/api';
import { bundleOfManifest } from '@plumb/render';
import { SAMPLE_CHARTS, type SampleChart } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Helm, recordIn, recordsOf } from './support/helm.ts';
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
vi.setConfig({ testTimeout: 120_000 });

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

/** What is stored and what runs. */
interface Result {
  records: KubeObject[];
  objects: Map<string, KubeObject>;
}

test.runIf(HELM_RUNS).each(CASES)('%s', async (sample, name, first, second) => {
  const { files = {} } = ALL[sample] ?? {};
  const archive = await releases.chart(name, files);
  const { namespace } = releases.world;
  const flags = ['--wait', '--wait-for-jobs'];
  await helm.install(namespace, name, { archive, values: JSON.stringify(first), flags });
  await helm.upgrade(namespace, name, { archive, values: JSON.stringify(second), flags });
  const theirs = await resultOf(name);
  await helm.run('uninstall', name, '--namespace', namespace, '--wait');
  await cleanUp();

  await releases.release(name, { values: first, timeout: '60s' });
  await releases.ready(name, 60_000);
  await releases.release(name, { values: second, timeout: '60s' });
  await releases.ready(name, 60_000);
  const ours = await resultOf(name);
  await releases.world.cluster.delete(releases.key(name));
  await releases.world.until(releases.key(name), 'be gone', (object) => object === null, 60_000);
  await cleanUp();

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

async function resultOf(name: string): Promise<Result> {
  const { cluster, namespace } = releases.world;
  return { records: await recordsOf(cluster, namespace, name), objects: await objectsOf() };
}

const NOT_OURS: ReadonlySet<string> = new Set([
  'Event',
  'Endpoints',
  'HelmRelease',
  'HelmChart',
  'Lease',
  'GitRepository',
]);

/** All objects that people or charts made: in the namespace, and in none those that a chart may have. */
async function objectsOf(): Promise<Map<string, KubeObject>> {
  const { cluster, namespace } = releases.world;
  const kinds = (await cluster.discover()).filter(
    ({ kind, verbs, group }) =>
      verbs.includes('list') && verbs.includes('delete') && !NOT_OURS.has(kind) && group !== 'events.k8s.io',
  );
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const { items } = await cluster.list(kind, kind.namespaced ? { namespace } : {});
      return items.map((item): [string, KubeObject] => [idOf(keyOf(item)), item]);
    }),
  );
  return new Map(
    lists
      .flat()
      .filter(([, object]) => isMade(object))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function isMade({ metadata, type }: KubeObject): boolean {
  const isOwned = (metadata as unknown as { ownerReferences?: unknown[] }).ownerReferences !== undefined;
  if (isOwned || DEFAULTS.has(metadata.name) || type === 'helm.sh/release.v1') return false;
  const isMarked = metadata.annotations?.['meta.helm.sh/release-name'] !== undefined;
  return isMarked || metadata.namespace !== undefined || metadata.name.endsWith('.example.io');
}

const DEFAULTS: ReadonlySet<string> = new Set(['default', 'kube-root-ca.crt']);

const idOf = ({ group, kind, namespace, name }: ObjectKey): string => [group, kind, namespace, name].join('/');

/** What helm leaves behind: definitions, hooks, and what a chart says is to stay. */
async function cleanUp(): Promise<void> {
  const { cluster } = releases.world;
  const keys = [...(await objectsOf()).values()].map(keyOf);
  for (const key of keys) await cluster.delete(key, { propagationPolicy: 'Foreground' });
  for (const key of keys) await releases.world.until(key, 'be gone', (there) => there === null, 60_000);
}

/** An object without what the server made up for it, and without the labels that Flux and Plumb add. */
function plain(object: KubeObject | undefined, name: string): JsonObject {
  const { metadata, status: _status, ...rest } = structuredClone(object ?? { metadata: { name: '' } }) as KubeObject;
  const labels = { ...metadata.labels };
  delete labels[HELM_OWNER_NAME_LABEL];
  delete labels[HELM_OWNER_NAMESPACE_LABEL];
  const { name: own, namespace, annotations = {}, finalizers = [] } = metadata;
  return without(SERVER_MADE, {
    ...rest,
    name: own,
    release: name,
    namespace,
    labels,
    annotations,
    finalizers,
  }) as JsonObject;
}

/** Fields whose values are drawn, or count up. */
const SERVER_MADE: ReadonlySet<string> = new Set([
  'clusterIP',
  'clusterIPs',
  'volumeName',
  'controller-uid',
  'batch.kubernetes.io/controller-uid',
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
]);

function without(fields: ReadonlySet<string>, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => without(fields, item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([field]) => !fields.has(field));
  return Object.fromEntries(entries.map(([field, item]) => [field, without(fields, item)]));
}

/** As in Flux, kustomize takes lists apart, and their items are put in order by themselves. */
const LISTS = 'lists of objects';

function labelsOf({ metadata }: KubeObject): Record<string, string> {
  const { createdAt: _created, modifiedAt: _modified, ...labels } = metadata.labels ?? {};
  return labels;
}

/**
 * A record without what may differ: times; and, as in Flux, manifests and hooks that were printed anew with the owner's labels, of which the objects and
 * their files count.
 */
async function recordOf(secret: KubeObject, inOrder: boolean): Promise<JsonObject> {
  const { info, manifest, hooks, ...rest } = recordIn(secret);
  const { first_deployed, last_deployed, ...told } = info as JsonObject;
  const objects = await documents(manifest as string);
  return {
    ...rest,
    info: { ...told, times: [typeof first_deployed, typeof last_deployed] },
    manifest: inOrder ? objects : objects.toSorted((a, b) => (nameIn(a) < nameIn(b) ? -1 : 1)),
    ...(hooks === undefined ? {} : { hooks: await Promise.all((hooks as JsonObject[]).map(hookOf)) }),
  };
}

const nameIn = (object: JsonObject): string => object['name'] as string;

async function hookOf({ manifest, last_run, ...hook }: JsonObject): Promise<JsonObject> {
  const { phase } = last_run as JsonObject;
  const path = typeof hook['path'] === 'string' ? hook['path'] : '';
  const body = await documents(`---\n# Source: ${path}\n${manifest as string}`);
  return { ...hook, phase: phase ?? null, body } as JsonObject;
}

async function documents(manifest: string): Promise<JsonObject[]> {
  const release = { name: 'any', namespace: 'any', revision: 1, isUpgrade: false };
  const spec = { release, ownerLabels: {} };
  const { objects } = await bundleOfManifest(manifest, spec, { isNamespaced: () => Promise.resolve(true) });
  return objects.map(({ body, origin }) => ({ file: origin.path, ...plain(body, '') }));
}
