import type { JsonObject, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import { parseApiVersion, printJson } from '@plumb/api';
import { ownerLabels, releaseNamespaceOf } from '@plumb/core';
import type { HelmLookup } from '@plumb/engine';
import type { Cluster, Connection } from '@plumb/kube';
import { bundleOfManifest, renderRelease } from '@plumb/render';
import type { Bundle, ReleaseOptions, RenderedRelease } from '@plumb/render';
import { namespacedIn, type ActionContext } from './context.ts';
import type { ReleaseRecord } from './record.ts';
import type { Desired } from './wanted.ts';

/** Milliseconds for one render, lookups included, whatever the action may take. */
const LONGEST = 60_000;

export interface RenderWish {
  revision: number;
  isUpgrade: boolean;
  validateSchema: boolean;
  /** Of the action, in milliseconds: no render takes longer. */
  timeout: number;
  /** The release whose values are kept under the new ones (upgrade.preserveValues). */
  keptValues: ReleaseRecord | null;
}

/** What a render may ask of the cluster. */
export type Surroundings = Pick<ReleaseOptions, 'kubeVersion' | 'apiVersions' | 'isNamespaced' | 'lookup'>;

/** Renders what is declared now, as the release's identity sees the cluster. */
export async function render(desired: Desired, wish: RenderWish, context: ActionContext): Promise<RenderedRelease> {
  return renderIn(await surroundingsOf(context.cluster, context.signal), desired, wish, context);
}

/** Renders what is declared now, with what its templates are to find. */
export async function renderIn(
  surroundings: Surroundings,
  desired: Desired,
  wish: RenderWish,
  context: Pick<ActionContext, 'release' | 'engine' | 'signal'>,
): Promise<RenderedRelease> {
  const { release, engine, signal } = context;
  const { chart, values } = desired;
  const { spec, metadata } = release;
  const { keptValues } = wish;
  const { name: kind, namespace = '' } = metadata;
  const identity = { name: desired.wanted.releaseName, namespace: releaseNamespaceOf(release) };
  return renderRelease(
    engine,
    await chart.archive(signal),
    {
      release: { ...identity, revision: wish.revision, isUpgrade: wish.isUpgrade },
      values: values.json,
      ...(chart.ociDigest === '' ? {} : { chartVersion: chart.version }),
      ...(keptValues === null ? {} : { reuse: reuseOf(keptValues) }),
      skipSchemaValidation: !wish.validateSchema,
      postRenderers: spec.postRenderers ?? [],
      postRenderStrategy: spec.postRenderStrategy ?? 'combined',
      ...(spec.commonMetadata === undefined ? {} : { commonMetadata: spec.commonMetadata }),
      ownerLabels: ownerLabels({ kind: 'HelmRelease', namespace, name: kind }),
      ...(spec.driftDetection?.ignore === undefined ? {} : { ignore: spec.driftDetection.ignore }),
    },
    { ...surroundings, deadline: Math.min(wish.timeout, LONGEST), tenant: namespace, signal, secrets: values.secrets },
  );
}

function reuseOf({ chart, config }: ReleaseRecord): { chartValues: string; config: string } {
  return { chartValues: printJson(chart?.values ?? {}), config: printJson(config ?? {}) };
}

/** A cluster as templates see it: its version, all it serves, and its objects. */
export async function surroundingsOf(cluster: Cluster, signal: AbortSignal): Promise<Surroundings> {
  const [kubeVersion, kinds] = await Promise.all([versionOf(cluster), cluster.discover()]);
  return {
    kubeVersion,
    apiVersions: apiVersionsOf(kinds),
    isNamespaced: namespacedIn(cluster),
    lookup: (asked) => lookUp(asked, cluster, signal),
  };
}

/** All that kinds are served by, as charts ask for it: `apps/v1` and `apps/v1/Deployment`. */
export function apiVersionsOf(kinds: readonly KindRef[]): string[] {
  const versions = new Set<string>();
  for (const { group, version, kind } of kinds) {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    versions.add(apiVersion).add(`${apiVersion}/${kind}`);
  }
  return [...versions].sort();
}

/** Versions by connection: a server that is upgraded goes away before. */
const versions = new WeakMap<Connection, Promise<string>>();

function versionOf(cluster: Cluster): Promise<string> {
  const { connection } = cluster;
  const known = versions.get(connection);
  if (known !== undefined) return known;
  const asked = cluster.version();
  const forget = (): void => {
    versions.delete(connection);
    end();
  };
  const end = connection.listen(forget);
  versions.set(connection, asked);
  asked.catch(forget);
  return asked;
}

async function lookUp(asked: HelmLookup, cluster: Cluster, signal: AbortSignal): Promise<string | null> {
  const { apiVersion, kind, namespace, name } = asked;
  const ref = { ...parseApiVersion(apiVersion), kind };
  const resource = await cluster.resource(ref);
  if (resource === null) return null;
  const place = resource.namespaced ? namespace : '';
  if (name !== '') {
    // Helm asks for it beside all namespaces, where nothing is.
    if (resource.namespaced && place === '') return null;
    const object = await cluster.get({ ...ref, namespace: place, name }, { signal });
    return object === null ? null : printJson(withoutManagers(object));
  }
  const { items } = await cluster.list(ref, { ...(place === '' ? {} : { namespace: place }), signal });
  return printJson({ apiVersion, kind: `${kind}List`, items: items.map(withoutManagers) });
}

function withoutManagers(object: KubeObject): JsonObject {
  const { managedFields: _left, ...metadata } = object.metadata;
  return { ...object, metadata } as unknown as JsonObject;
}

/** The objects a stored release says there are. */
export async function bundleOf(
  record: ReleaseRecord,
  context: Pick<ActionContext, 'release' | 'cluster'>,
): Promise<Bundle> {
  const { release, cluster } = context;
  const { metadata, spec } = release;
  const owner = { kind: 'HelmRelease', namespace: metadata.namespace ?? '', name: metadata.name };
  const { name, namespace, version: revision, manifest = '' } = record;
  return bundleOfManifest(
    manifest,
    {
      release: { name, namespace, revision, isUpgrade: false },
      ownerLabels: ownerLabels(owner),
      ...(spec.driftDetection?.ignore === undefined ? {} : { ignore: spec.driftDetection.ignore }),
    },
    { isNamespaced: namespacedIn(cluster) },
  );
}

/** The keys of all that a stored release says there is. */
export async function keysOf(
  record: ReleaseRecord,
  context: Pick<ActionContext, 'release' | 'cluster'>,
): Promise<ObjectKey[]> {
  const { objects } = await bundleOf(record, context);
  return objects.map(({ key }) => key);
}
