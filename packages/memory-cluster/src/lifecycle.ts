import type { KubeObject } from '@plumb/api';

import { failure } from './failures.ts';
import { kindsOf, qualifiedResource } from './kinds.ts';
import type { ServedKind } from './kinds.ts';
import type { Place, Store } from './store.ts';

const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';
const NAMESPACES = '/namespaces';
const FOREGROUND = 'foregroundDeletion';

/**
 * What controllers and admission do around objects: namespaces that end with their content, finalizers, garbage collection
 * by owner, definitions that become served. Follow-ups run after the call that caused them, as in a real cluster.
 */
export class Lifecycle {
  readonly #store: Store;
  readonly #time: () => string;

  constructor(store: Store, time: () => string) {
    this.#store = store;
    this.#time = time;
  }

  /** What the server adds to a new object of some kinds. */
  born(collection: string, object: KubeObject): KubeObject {
    if (collection === NAMESPACES) return bornNamespace(object);
    return collection === DEFINITIONS ? bornDefinition(object, this.#time()) : object;
  }

  /** @throws PlumbError when the namespace of a new object is not there or about to end */
  expectNamespace(kind: ServedKind, place: Place): void {
    if (!kind.namespaced) return;
    const namespace = this.#store.get({ collection: NAMESPACES, namespace: '', name: place.namespace });
    if (namespace === null) throw failure(404, `namespaces "${place.namespace}" not found`);
    if (namespace.metadata.deletionTimestamp !== undefined) {
      throw failure(
        403,
        `${qualifiedResource(kind)} "${place.name}" is forbidden: unable to create new content in namespace ${place.namespace} because it is being terminated`,
      );
    }
  }

  /** Follows up on a write: an object whose last finalizer went while it was being deleted is gone. */
  stored(place: Place, object: KubeObject): KubeObject {
    if (object.metadata.deletionTimestamp !== undefined && this.#mayGo(place, object))
      return this.#gone(place) ?? object;
    return object;
  }

  /** Deletes, or marks as deleted when somebody must act first. */
  remove(place: Place, object: KubeObject, propagation: string): void {
    if (propagation === 'Orphan') this.#orphan(object);
    const foreground = propagation === 'Foreground' && this.#dependents(object).length > 0;
    const finalizers = [...(object.metadata.finalizers ?? []), ...(foreground ? [FOREGROUND] : [])];
    if (finalizers.length === 0 && place.collection !== NAMESPACES) {
      this.#gone(place);
      return;
    }
    const marked = this.#mark(place, object, finalizers);
    if (foreground) later(() => this.#collectForeground(place, marked));
    if (place.collection === NAMESPACES) later(() => this.#emptyNamespace(place));
  }

  #mark(place: Place, object: KubeObject, finalizers: string[]): KubeObject {
    if (object.metadata.deletionTimestamp !== undefined) return object;
    const metadata = {
      ...object.metadata,
      deletionTimestamp: this.#time(),
      deletionGracePeriodSeconds: 0,
      ...(finalizers.length === 0 ? {} : { finalizers }),
    };
    const terminating = place.collection === NAMESPACES ? { status: { phase: 'Terminating' } } : {};
    return this.#store.put(place, { ...object, ...terminating, metadata });
  }

  #mayGo(place: Place, object: KubeObject): boolean {
    if ((object.metadata.finalizers ?? []).length > 0) return false;
    return place.collection !== NAMESPACES || this.#store.inNamespace(place.name).length === 0;
  }

  #gone(place: Place): KubeObject | null {
    const last = this.#store.remove(place);
    if (last === null) return null;
    later(() => this.#collect(last));
    if (place.namespace !== '') later(() => this.#endNamespace(place.namespace));
    if (place.collection === DEFINITIONS) later(() => this.#removeInstances(last));
    return last;
  }

  #emptyNamespace(place: Place): void {
    for (const inside of this.#store.inNamespace(place.name)) {
      const object = this.#store.get(inside);
      if (object !== null) this.remove(inside, object, 'Background');
    }
    this.#endNamespace(place.name);
  }

  #endNamespace(name: string): void {
    const place = { collection: NAMESPACES, namespace: '', name };
    const namespace = this.#store.get(place);
    if (namespace?.metadata.deletionTimestamp !== undefined && this.#mayGo(place, namespace)) this.#gone(place);
  }

  /** Deletes what lost its last owner; others forget this one. */
  #collect(owner: KubeObject): void {
    for (const place of this.#dependents(owner)) {
      const object = this.#store.get(place);
      if (object === null) continue;
      const left = this.#livingOwners(object, owner);
      if (left.length === 0) this.remove(place, object, 'Background');
      else this.#store.put(place, { ...object, metadata: { ...object.metadata, ownerReferences: left } });
    }
  }

  #livingOwners(object: KubeObject, gone: KubeObject): NonNullable<KubeObject['metadata']['ownerReferences']> {
    return (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== gone.metadata.uid);
  }

  #collectForeground(place: Place, owner: KubeObject): void {
    for (const dependent of this.#dependents(owner)) {
      const object = this.#store.get(dependent);
      if (object !== null) this.remove(dependent, object, 'Foreground');
    }
    if (this.#dependents(owner).length > 0) {
      later(() => this.#collectForeground(place, owner));
      return;
    }
    const current = this.#store.get(place);
    if (current?.metadata.uid !== owner.metadata.uid || current === null) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FOREGROUND);
    this.stored(place, this.#store.put(place, { ...current, metadata: { ...current.metadata, finalizers } }));
  }

  #orphan(owner: KubeObject): void {
    for (const place of this.#dependents(owner)) {
      const object = this.#store.get(place);
      if (object === null) continue;
      const ownerReferences = this.#livingOwners(object, owner);
      this.#store.put(place, { ...object, metadata: { ...object.metadata, ownerReferences } });
    }
  }

  #dependents(owner: KubeObject): Place[] {
    return this.#store.dependentsOf(owner.metadata.uid ?? '');
  }

  #removeInstances(definition: KubeObject): void {
    const [kind] = kindsOf(definition);
    if (kind === undefined) return;
    const collection = `${kind.group}/${kind.resource}`;
    for (const object of this.#store.all(collection)) {
      this.remove(
        { collection, namespace: object.metadata.namespace ?? '', name: object.metadata.name },
        object,
        'Background',
      );
    }
  }
}

function bornNamespace(object: KubeObject): KubeObject {
  const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  return {
    ...object,
    metadata: { ...object.metadata, labels },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

function bornDefinition(object: KubeObject, time: string): KubeObject {
  const spec = object['spec'] as { names?: object; versions?: { name: string; storage?: boolean }[] };
  const condition = (type: string, reason: string, message: string): object => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    reason,
    message,
  });
  const conditions = [
    condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
    condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
  ];
  const storedVersions = (spec.versions ?? []).filter((version) => version.storage).map((version) => version.name);
  return { ...object, status: { conditions, acceptedNames: spec.names ?? {}, storedVersions } };
}

/** After the call that caused it, as the work of another process is. */
function later(work: () => void): void {
  setImmediate(work);
}
