import type { KubeObject } from '@plumb/api';

/** Where one object is kept: independent of the version it is served at. */
export interface Place {
  /** `group/resource` */
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
}

/** One write, as watches see it. */
export interface Change {
  readonly version: number;
  readonly collection: string;
  readonly type: 'added' | 'modified' | 'deleted';
  readonly object: KubeObject;
  /** The state before; null for a new object. */
  readonly previous: KubeObject | null;
}

type Listener = (change: Change) => void;

/** Objects at their latest state, and the history that watches resume from. Objects in here are never changed in place. */
export class Store {
  #version = 1000;
  #forgotten = 1000;
  readonly #historyLimit: number;
  #history: Change[] = [];
  readonly #collections = new Map<string, Map<string, KubeObject>>();
  readonly #dependents = new Map<string, Map<string, Place>>();
  readonly #listeners = new Set<Listener>();

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  get version(): string {
    return String(this.#version);
  }

  get(place: Place): KubeObject | null {
    return this.#collections.get(place.collection)?.get(keyIn(place)) ?? null;
  }

  all(collection: string): KubeObject[] {
    return [...(this.#collections.get(collection)?.values() ?? [])];
  }

  /** Every object in a namespace, with its place. */
  inNamespace(namespace: string): Place[] {
    return [...this.#collections].flatMap(([collection, objects]) =>
      [...objects.values()]
        .filter((object) => object.metadata.namespace === namespace)
        .map((object) => ({ collection, namespace, name: object.metadata.name })),
    );
  }

  /** The objects that name this one as an owner. */
  dependentsOf(uid: string): Place[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])];
  }

  /** Keeps an object under the next version. @returns it with that version */
  put(place: Place, object: KubeObject): KubeObject {
    const previous = this.get(place);
    const stored = this.#stamp(object);
    let objects = this.#collections.get(place.collection);
    if (objects === undefined) this.#collections.set(place.collection, (objects = new Map<string, KubeObject>()));
    objects.set(keyIn(place), stored);
    this.#indexOwners(place, previous, stored);
    this.#record({
      version: this.#version,
      collection: place.collection,
      type: previous === null ? 'added' : 'modified',
      object: stored,
      previous,
    });
    return stored;
  }

  /** Takes an object away. @returns its last state, under the version of its end */
  remove(place: Place): KubeObject | null {
    const previous = this.get(place);
    if (previous === null) return null;
    const last = this.#stamp(previous);
    this.#collections.get(place.collection)?.delete(keyIn(place));
    this.#indexOwners(place, previous, null);
    this.#record({ version: this.#version, collection: place.collection, type: 'deleted', object: last, previous });
    return last;
  }

  /** The changes after a version; null when they are no longer known. */
  since(version: number): readonly Change[] | null {
    if (version < this.#forgotten) return null;
    return this.#history.filter((change) => change.version > version);
  }

  /** Forgets the history: watches from any earlier version expire. */
  compact(): void {
    this.#history = [];
    this.#forgotten = this.#version;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #stamp(object: KubeObject): KubeObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
  }

  #record(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > this.#historyLimit) {
      const dropped = this.#history.splice(0, Math.ceil(this.#historyLimit / 2));
      this.#forgotten = dropped.at(-1)?.version ?? this.#forgotten;
    }
    for (const listener of this.#listeners) listener(change);
  }

  #indexOwners(place: Place, before: KubeObject | null, after: KubeObject | null): void {
    const id = `${place.collection}/${keyIn(place)}`;
    for (const { uid } of before?.metadata.ownerReferences ?? []) this.#dependents.get(uid)?.delete(id);
    for (const { uid } of after?.metadata.ownerReferences ?? []) {
      let places = this.#dependents.get(uid);
      if (places === undefined) this.#dependents.set(uid, (places = new Map<string, Place>()));
      places.set(id, place);
    }
  }
}

function keyIn(place: Place): string {
  return `${place.namespace}/${place.name}`;
}
