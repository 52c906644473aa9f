import type { KubeObject } from '@plumb/api';
import type { ListResult } from './cluster.ts';
import { compareVersions } from './versions.ts';

/** Its name and namespace are in its id. */
interface Entry {
  type: Type;
  uid: string | undefined;
  resourceVersion: string | undefined;
}

type Type = Pick<KubeObject, 'apiVersion' | 'kind'>;

/**
 * What a reflector remembers of each object, so that it can tell after a new list which are gone: identity and version, nothing else. There is one
 * for each object in view.
 */
export class Known {
  #objects = new Map<string, Entry>();
  /** All entries share it: a reflector has one kind. */
  #type: Type = { apiVersion: '', kind: '' };

  put(object: KubeObject): void {
    const { uid, resourceVersion } = object.metadata;
    this.#objects.set(idOf(object), { type: this.#typeOf(object), uid, resourceVersion });
  }

  #typeOf({ apiVersion, kind }: KubeObject): Type {
    if (apiVersion !== this.#type.apiVersion || kind !== this.#type.kind) this.#type = { apiVersion, kind };
    return this.#type;
  }

  drop(object: KubeObject): void {
    this.#objects.delete(idOf(object));
  }

  /** Forgets an object unless a later version of it is known. */
  dropUpTo(object: KubeObject): void {
    if (compareVersions(this.versionOf(idOf(object)) ?? '', versionOf(object.metadata)) <= 0) this.drop(object);
  }

  /** Whether an object is known in this version or a later one. */
  covers(object: KubeObject): boolean {
    return compareVersions(this.versionOf(idOf(object)) ?? '', versionOf(object.metadata)) >= 0;
  }

  /** The versions of those known in no later one than this. */
  upTo(resourceVersion: string): Map<string, string | undefined> {
    const versions = [...this.#objects].map(([id, entry]) => [id, entry.resourceVersion] as const);
    return new Map(versions.filter(([, version]) => compareVersions(version ?? '', resourceVersion) <= 0));
  }

  /** Takes in what another set knows, in the other's versions. */
  take(other: Known, ids: Iterable<string> = other.#objects.keys()): void {
    for (const id of ids) {
      const entry = other.#objects.get(id);
      other.#objects.delete(id);
      if (entry !== undefined) this.#objects.set(id, entry);
    }
  }

  /** Empties this set. @returns what it held. */
  startOver(): Known {
    const before = new Known();
    before.#objects = this.#objects;
    this.#objects = new Map();
    return before;
  }

  get size(): number {
    return this.#objects.size;
  }

  versionOf(id: string): string | undefined {
    return this.#objects.get(id)?.resourceVersion;
  }

  /**
   * Whether something is known in a version that comes after the listed one and not after the list: of the same object, the server once had a
   * later state.
   */
  isAheadOf({ items, resourceVersion }: ListResult): boolean {
    return items.some((item) => {
      const known = this.#objects.get(idOf(item));
      const isLater =
        known?.uid === item.metadata.uid && compareVersions(versionOf(known), versionOf(item.metadata)) > 0;
      return isLater && compareVersions(versionOf(known), resourceVersion) <= 0;
    });
  }

  /** Objects whose known version (undefined: none) is not the one a consistent list shows. What is newer than the list may well differ. */
  differences({ items, resourceVersion }: ListResult): Map<string, string | undefined> {
    const found = new Map<string, string | undefined>();
    const listed = new Set<string>();
    for (const item of items) {
      const id = idOf(item);
      listed.add(id);
      const version = this.versionOf(id);
      if (version === item.metadata.resourceVersion) continue;
      if (version === undefined || compareVersions(version, resourceVersion) <= 0) found.set(id, version);
    }
    for (const id of this.#objects.keys()) {
      const version = this.versionOf(id);
      if (!listed.has(id) && compareVersions(version ?? '', resourceVersion) <= 0) found.set(id, version);
    }
    return found;
  }

  /** How many of these are known in just these versions. */
  countOf(versions: ReadonlyMap<string, string | undefined>): number {
    return [...versions].filter(([id, version]) => this.versionOf(id) === version).length;
  }

  *missingFrom(now: Known): Generator<KubeObject> {
    for (const [id, entry] of this.#objects) {
      if (!now.#objects.has(id)) yield objectOf(id, entry);
    }
  }
}

function versionOf(of: { resourceVersion?: string | undefined } | undefined): string {
  return of?.resourceVersion ?? '';
}

function idOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function objectOf(id: string, { type, uid, resourceVersion }: Entry): KubeObject {
  const slash = id.indexOf('/');
  const namespace = id.slice(0, slash);
  return {
    ...type,
    metadata: {
      name: id.slice(slash + 1),
      ...(namespace === '' ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}
