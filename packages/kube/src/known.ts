import type { KubeObject } from '@plumb/api';

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

  *missingFrom(now: Known): Generator<KubeObject> {
    for (const [id, object] of this.#objects) {
      if (!now.#objects.has(id)) yield object;
    }
  }
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
