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
 * All objects of one Flux kind as the watch brings them, with the agent's own status writes laid over them until the watch has caught up:
 * a run that follows another at once sees what the first one wrote.
 */
export class FluxObjects {
  readonly #objects = new Map<string, KubeObject>();
  readonly #written = new Map<string, { status: JsonObject; resourceVersion: string | undefined; write: number }>();
  #writes = 0;
  readonly #listeners: Listener[] = [];
  readonly #rewoundListeners: (() => void)[] = [];
  #rewound = false;
  #held: (() => void)[] | null = null;
  readonly #reflector: Reflector;
  readonly #read: (id: string) => Promise<KubeObject | null>;

  constructor(cluster: Cluster, kind: KindRef, options: ReflectorOptions) {
    this.#read = (id) => cluster.get({ ...kind, ...parseObjectId(id) }, { signal: options.signal });
    const sink = {
      listed: (_version: string, rewound: boolean) => {
        this.#rewound = rewound;
        if (rewound) this.#written.clear();
      },
      upsert: (object: KubeObject) => this.#upsert(object),
      remove: (object: KubeObject) => this.#remove(object),
      synced: () => {
        if (this.#rewound) for (const listener of this.#rewoundListeners) listener();
        this.#rewound = false;
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
    const written = this.#written.get(id);
    return object === undefined || written === undefined ? object : { ...object, status: written.status };
  }

  /** Reads the object as it is now: for whoever cannot rely on the watch being in step. */
  async refresh(id: string): Promise<void> {
    const object = await this.#read(id);
    if (object !== null) this.note(object);
  }

  /** Takes in what the server answered to a read or a write of the object, so that nobody has to wait for the watch to show it. */
  note(object: KubeObject): void {
    const known = this.#objects.get(idOf(object));
    if (known !== undefined && !isBefore(known, object.metadata.resourceVersion ?? '')) return;
    this.#reflector.note(object);
    this.#upsert(object);
  }

  /** Names what `get` gives: another text whenever that is other. */
  version(id: string): string {
    const { uid = '', resourceVersion = '' } = this.#objects.get(id)?.metadata ?? {};
    return [uid, resourceVersion, this.#written.get(id)?.write ?? ''].join(' ');
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
    this.#written.set(id, { status, resourceVersion: undefined, write: this.#writes });
  }

  /** The write is done: the overlay goes as soon as the watch has shown this version. */
  settleOverlay(id: string, resourceVersion: string): void {
    const written = this.#written.get(id);
    const object = this.#objects.get(id);
    if (written === undefined || object === undefined) return;
    written.resourceVersion = resourceVersion;
    if (!isBefore(object, resourceVersion)) this.#written.delete(id);
    this.#reflector.note({ ...object, metadata: { ...object.metadata, resourceVersion } });
  }

  /** The write failed for good: what the watch shows stands. */
  dropOverlay(id: string): void {
    this.#written.delete(id);
  }

  /** The status the API server has, as far as the watch has told. */
  served(id: string): Json | undefined {
    return this.#objects.get(id)?.['status'] as Json | undefined;
  }

  #upsert(received: KubeObject): void {
    const id = idOf(received);
    const { managedFields: _dropped, ...metadata } = received.metadata;
    const object: KubeObject = asRead({ ...received, metadata });
    const before = this.#objects.get(id);
    // An answer has shown more than the watch has come to.
    if (!this.#rewound && isLaterState(before, object)) return;
    this.#objects.set(id, object);
    const written = this.#written.get(id);
    if (written?.resourceVersion !== undefined && !isBefore(object, written.resourceVersion)) this.#written.delete(id);
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.#written.delete(id);
    this.#announce(id, this.get(id), before);
  }

  #remove(object: KubeObject): void {
    const id = idOf(object);
    const before = this.#objects.get(id);
    this.#objects.delete(id);
    this.#written.delete(id);
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

function isLaterState(object: KubeObject | undefined, than: KubeObject): boolean {
  if (object === undefined || object.metadata.uid !== than.metadata.uid) return false;
  return isBefore(than, object.metadata.resourceVersion ?? '');
}

function isBefore(object: KubeObject, resourceVersion: string): boolean {
  return compareVersions(object.metadata.resourceVersion ?? '', resourceVersion) < 0;
}
