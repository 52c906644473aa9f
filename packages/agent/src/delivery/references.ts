import type { Kustomization, KubeObject } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { ConfigKind, WatchedConfigs } from '../runtime/watched-configs.ts';
import { kubeConfigReference } from './remotes.ts';

/** A ConfigMap or Secret in a unit's own namespace that its objects are made with. */
export interface Reference {
  kind: ConfigKind;
  name: string;
}

/** Everything the build of a unit reads beside its source, each object once. */
export function referencesOf({ spec }: Pick<Kustomization, 'spec'>): Reference[] {
  const named = (spec.postBuild?.substituteFrom ?? []).map(({ kind, name }): Reference => ({ kind, name }));
  const keys = spec.decryption?.secretRef;
  if (keys !== undefined) named.push({ kind: 'Secret', name: keys.name });
  return [...new Map(named.map((reference) => [idOf(reference), reference])).values()];
}

/** All that a change of is a reason to run: what the build reads, and what says which cluster the objects go to. */
export function configsOf(object: Pick<Kustomization, 'spec'>): Reference[] {
  const destination = kubeConfigReference(object);
  return destination === null ? referencesOf(object) : [...referencesOf(object), destination];
}

/** The referred objects as they were read for one run. */
export class Referenced {
  /** Names what was read: equal texts, equal content. It holds versions, and nothing of the content itself. */
  readonly versions: string;
  readonly #objects: ReadonlyMap<string, KubeObject | null>;

  constructor(objects: ReadonlyMap<string, KubeObject | null>) {
    this.#objects = objects;
    this.versions = versionsText([...objects].map(([id, object]) => [id, versionOf(object)]));
  }

  /** @returns null for an object that is not there */
  get(kind: ConfigKind, name: string): KubeObject | null {
    return this.#objects.get(idOf({ kind, name })) ?? null;
  }
}

/**
 * Reads what a unit refers to, as the agent itself: references never lead out of the unit's namespace.
 * @throws PlumbError as the Cluster port has it; an object that is not there is no error here
 */
export async function readReferences(
  references: readonly Reference[],
  namespace: string,
  { cluster, signal }: { cluster: Pick<Cluster, 'get'>; signal: AbortSignal },
): Promise<Referenced> {
  const objects = await Promise.all(
    references.map(async ({ kind, name }): Promise<[string, KubeObject | null]> => {
      const key = { group: '', version: 'v1', kind, namespace, name };
      return [idOf({ kind, name }), await cluster.get(key, { signal })];
    }),
  );
  return new Referenced(new Map(objects));
}

/** What `Referenced.versions` would be now, where every reference is watched; null where only a read can tell. */
export function knownVersions(
  references: readonly Reference[],
  namespace: string,
  configs: Pick<WatchedConfigs, 'versionOf'>,
): string | null {
  const versions: [string, string][] = [];
  for (const { kind, name } of references) {
    const version = configs.versionOf({ kind, namespace, name });
    if (version === undefined) return null;
    versions.push([idOf({ kind, name }), version]);
  }
  return versionsText(versions);
}

/** The versions of those references that are watched, a line each: a change of one is a reason to run. */
export function watchedVersions(
  references: readonly Reference[],
  namespace: string,
  configs: Pick<WatchedConfigs, 'versionOf'>,
): string[] {
  return references.flatMap(({ kind, name }) => {
    const version = configs.versionOf({ kind, namespace, name });
    return version === undefined ? [] : [`${kind}/${namespace}/${name} ${version}`];
  });
}

const idOf = ({ kind, name }: Reference): string => `${kind}/${name}`;

function versionOf(object: KubeObject | null): string {
  return object === null ? '' : `${object.metadata.uid ?? ''} ${object.metadata.resourceVersion ?? ''}`;
}

function versionsText(versions: readonly (readonly [string, string])[]): string {
  return versions.map(([id, version]) => `${id} ${version}`).join('\n');
}
