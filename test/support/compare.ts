import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { HELM_OWNER_NAME_LABEL, HELM_OWNER_NAMESPACE_LABEL, keyOf } from '@plumb/api';
import { bundleOfManifest } from '@plumb/render';
import { recordIn, recordsOf } from './helm.ts';
import type { Releases } from './releases.ts';

// What upstream's helm and Plumb leave of a release, without what may differ.

/** What is stored and what runs. */
export interface Result {
  records: KubeObject[];
  objects: Map<string, KubeObject>;
}

export async function resultOf(releases: Releases, name: string): Promise<Result> {
  const { cluster, namespace } = releases.world;
  return { records: await recordsOf(cluster, namespace, name), objects: await objectsOf(releases) };
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
async function objectsOf(releases: Releases): Promise<Map<string, KubeObject>> {
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
export async function cleanUp(releases: Releases): Promise<void> {
  const { cluster } = releases.world;
  const keys = [...(await objectsOf(releases)).values()].map(keyOf);
  for (const key of keys) await cluster.delete(key, { propagationPolicy: 'Foreground' });
  for (const key of keys) await releases.world.until(key, 'be gone', (there) => there === null, 60_000);
}

/** An object without what the server made up for it, and without the labels that Flux and Plumb add. */
export function plain(object: KubeObject | undefined, name: string): JsonObject {
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

export function labelsOf({ metadata }: KubeObject): Record<string, string> {
  const { createdAt: _created, modifiedAt: _modified, ...labels } = metadata.labels ?? {};
  return labels;
}

/**
 * A record without what may differ: times; and, as in Flux, manifests and hooks that were printed anew with the owner's labels, of which the objects and
 * their files count.
 */
export async function recordOf(secret: KubeObject, inOrder: boolean): Promise<JsonObject> {
  const { info, manifest, hooks, ...rest } = recordIn(secret);
  const { first_deployed, last_deployed, deleted, ...told } = info as JsonObject;
  const objects = await documents((manifest ?? '') as string);
  return {
    ...rest,
    info: { ...told, times: [typeof first_deployed, typeof last_deployed, typeof deleted] },
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
