import type { KubeObject } from '@plumb/api';
import type { ListResult } from './cluster.ts';
import { compareVersions } from './versions.ts';

/**
 * What a reflector remembers of each object, so that it can tell after a new list which are gone: identity, version, labels
 * and owners, no body.
 */
export class Known {
  #objects = new Map<string, KubeObject>();

  put(object: KubeObject): void {
    this.#objects.set(idOf(object), trimmed(object));
  }

  drop(object: KubeObject): void {
    this.#objects.delete(idOf(object));
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
    return this.#objects.get(id)?.metadata.resourceVersion;
  }

  /** Whether something is known in a version that comes after the listed one: of the same object, the server once had a later state. */
  isAheadOf(items: readonly KubeObject[]): boolean {
    return items.some((item) => {
      const known = this.#objects.get(idOf(item))?.metadata;
      return known?.uid === item.metadata.uid && compareVersions(versionOf(known), versionOf(item.metadata)) > 0;
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

  *missingFrom(now: Known): Generator<KubeObject> {
    for (const [id, object] of this.#objects) {
      if (!now.#objects.has(id)) yield object;
    }
  }
}

function versionOf(metadata: KubeObject['metadata'] | undefined): string {
  return metadata?.resourceVersion ?? '';
}

function idOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function trimmed(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, labels, ownerReferences } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(labels === undefined ? {} : { labels }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
  };
}
