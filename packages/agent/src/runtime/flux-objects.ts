import type { Json, JsonObject, KindRef, KubeObject } from '@plumb/api';
import { asRead } from '@plumb/api';
import type { Cluster, Reflector, ReflectorOptions } from '@plumb/kube';
import { reflect } from '@plumb/kube';
import { compareVersions } from './versions.ts';

export function objectId(ref: { namespace: string; name: string }): string {
  return `${ref.namespace}/${ref.name}`;
}

export function parseObjectId(id: string): { namespace: string; name: string } {
  const slash = id.indexOf('/');
  return { namespace: id.slice(0, slash), name: id.slice(slash + 1) };
}

type Listener = (id: string, object: KubeObject | undefined, before: KubeObject | undefined) => void;

/**
 * All objects of one Flux kind as the watch and the answers to our own writes bring them, with a status that is being written laid over them: a run
 * that follows another at once sees what the first one wrote.
 */
export class FluxObjects {
  readonly #objects = new Map<string, KubeObject>();
  readonly #pending = new Map<string, { status: JsonObject; write: number }>();
  #writes = 0;
  readonly #listeners: Listener[] = [];
  readonly #rewoundListeners: (() => void)[] = [];
  readonly #listedListeners: (() => void)[] = [];
  #rewound = false;
  #held: (() => void)[] | null = null;
  readonly #reflector: Reflector;
  readonly #read: (id: string, signal: AbortSignal) => Promise<KubeObject | null>;

  constructor(cluster: Cluster, kind: KindRef, options: ReflectorOptions) {
    this.#read = (id, signal) => cluster.get({ ...kind, ...parseObjectId(id) }, { signal });
    const sink = {
      listed: (_version: string, rewound: boolean) => {
        this.#rewound = rewound;
        // What was to be written comes of what is lost now.
        if (rewound) this.#pending.clear();
      },
      upsert: (object: KubeObject) => this.#upsert(object),
      remove: (object: KubeObject) => this.#remove(object),
      synced: () => {
        if (this.#rewound) for (const listener of this.#rewoundListeners) listener();
        this.#rewound = false;
        for (const listener of this.#listedListeners) listener();
      },
    };
    this.#reflector = reflect(cluster, kind, sink, options);
  }

  ready(): Promise<void> {
    return this.#reflector.ready();
  }

  done(): Promise<void> {
    return this.#reflector.done();
  }

  get(id: string): KubeObject | undefined {
    const object = this.#objects.get(id);
    const pending = this.#pending.get(id);
    return object === undefined || pending === undefined ? object : { ...object, status: pending.status };
  }

  /** Reads the object as it is now: for whoever cannot rely on the watch being in step. */
  async refresh(id: string, signal: AbortSignal): Promise<void> {
    const before = this.#objects.get(id);
    const object = await this.#read(id, signal);
    if (object === null) return;
    if (before !== undefined && isSame(before, object) && isBefore(object, before)) this.#reflector.doubt();
    this.note(object);
  }

  /**
   * Takes in what the server answered to a read or a write of an object in view, so that nobody has to wait for the watch to show it. What comes into
   * view or leaves it is the watch's to tell.
   */
  note(object: KubeObject): void {
    const known = this.#objects.get(idOf(object));
    if (known === undefined || !isSame(known, object)) return;
    this.#reflector.note(object);
    this.#upsert(object);
  }

  /** Names what `get` gives: another text whenever that is other. */
  version(id: string): string {
    const { uid = '', resourceVersion = '' } = this.#objects.get(id)?.metadata ?? {};
    return [uid, resourceVersion, this.#pending.get(id)?.write ?? ''].join(' ');
  }

  ids(): IterableIterator<string> {
    return this.#objects.keys();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Called on each change, after it is in. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Called when the API server has gone back to an earlier state, after that is in: what was written since is lost. */
  listenRewound(listener: () => void): void {
    this.#rewoundListeners.push(listener);
  }

  /** Called when a list is in: all that there is is in view. */
  listenListed(listener: () => void): void {
    this.#listedListeners.push(listener);
  }

  /** What is in view may not be what there is: it is listed again. */
  doubt(): void {
    this.#reflector.doubt();
  }

  /** Keeps what listeners would be told until `release`: nobody should act on a list that is not whole. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const call of held) call();
  }

  /** Lays a status over the object that is being written. */
  overlay(id: string, status: JsonObject): void {
    if (!this.#objects.has(id)) return;
    this.#writes += 1;
    this.#pending.set(id, { status, write: this.#writes });
  }

  /** Nothing is being written any more: what the server is known to have stands. */
  dropOverlay(id: string): void {
    this.#pending.delete(id);
  }

  /** The status the API server has, as far as the watch and its answers have told. */
  served(id: string): Json | undefined {
    return this.#objects.get(id)?.['status'] as Json | undefined;
  }

  #upsert(received: KubeObject): void {
    const id = idOf(received);
    const before = this.#objects.get(id);
    const isKnown = before !== undefined && isSame(before, received);
    // An answer may have shown what the watch shows now, or more. After a restore the older state is the true one.
    if (isKnown && !this.#rewound && !isBefore(before, received)) return;
    const { managedFields: _dropped, ...metadata } = received.metadata;
    this.#objects.set(id, asRead({ ...received, metadata }));
    if (!isKnown) this.#pending.delete(id);
    this.#announce(id, this.get(id), before);
  }

  #remove(object: KubeObject): void {
    const id = idOf(object);
    const before = this.#objects.get(id);
    this.#objects.delete(id);
    this.#pending.delete(id);
    this.#announce(id, undefined, before);
  }

  #announce(id: string, object: KubeObject | undefined, before: KubeObject | undefined): void {
    const call = (): void => {
      for (const listener of this.#listeners) listener(id, object, before);
    };
    if (this.#held === null) call();
    else this.#held.push(call);
  }
}

function idOf({ metadata }: KubeObject): string {
  return objectId({ namespace: metadata.namespace ?? '', name: metadata.name });
}

/** Not one that was deleted and made anew. */
function isSame(object: KubeObject, other: KubeObject): boolean {
  return object.metadata.uid === other.metadata.uid;
}

function isBefore(object: KubeObject, other: KubeObject): boolean {
  return compareVersions(object.metadata.resourceVersion ?? '', other.metadata.resourceVersion ?? '') < 0;
}
