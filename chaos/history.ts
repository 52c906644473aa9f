import { setTimeout as sleep } from 'node:timers/promises';
import type { KindRef, KubeObject } from '@plumb/api';
import { keyId, keyOf, PlumbError } from '@plumb/api';
import type { Cluster, WatchEvent } from '@plumb/kube';

/** Milliseconds until a watch that is refused is asked for again. */
const NOT_YET = 100;

/** One state of an object, as the API server stored it; null: it was deleted. */
export interface State {
  /** The store's own count of writes, the same one for all kinds: it orders everything. */
  readonly at: bigint;
  readonly uid: string;
  readonly object: KubeObject | null;
}

/** An object as it is now and as it was; null: it is, or was, not there. */
type Listener = (object: KubeObject | null, before: KubeObject | null) => void;

/** Every state that the objects of some kinds went through, in order. */
export class History {
  readonly #states = new Map<string, State[]>();
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  readonly #watches: Promise<void>[] = [];

  static async start(cluster: Cluster, selections: readonly { kind: KindRef; namespace: string }[]): Promise<History> {
    const history = new History();
    for (const { kind, namespace } of selections) {
      const { items, resourceVersion } = await cluster.list(kind, { namespace });
      for (const object of items) history.#add(object, false);
      history.#watches.push(history.#follow(cluster, { kind, namespace, resourceVersion }));
    }
    return history;
  }

  /** Told of each state as it comes in. @returns ends the listening */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The states of one object, oldest first. */
  of(id: string): readonly State[] {
    return this.#states.get(id) ?? [];
  }

  /** The state an object was in just before a moment. */
  before(id: string, at: bigint): State | undefined {
    return this.of(id).findLast((state) => state.at < at);
  }

  /** How many states each object went through. */
  sizes(): ReadonlyMap<string, number> {
    return new Map([...this.#states].map(([id, states]) => [id, states.length]));
  }

  /** Of every object, by its id. */
  entries(): IterableIterator<[id: string, states: readonly State[]]> {
    return this.#states.entries();
  }

  /** All of them, those of one object together. */
  *states(): Generator<State> {
    for (const states of this.#states.values()) yield* states;
  }

  /** All of it, for people to read. */
  *lines(): Generator<string> {
    for (const [id, states] of this.#states) {
      for (const { at, object } of states) yield `${JSON.stringify({ id, at: String(at), object })}\n`;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  async #follow(
    cluster: Cluster,
    { kind, namespace, resourceVersion }: { kind: KindRef; namespace: string; resourceVersion: string },
  ): Promise<void> {
    const { signal } = this.#stop;
    let from = resourceVersion;
    while (!signal.aborted) {
      try {
        for await (const event of cluster.watch(kind, { namespace, resourceVersion: from, signal })) {
          from = this.#take(event) ?? from;
        }
      } catch (error) {
        if (signal.aborted) return;
        // A kind that is new to the server is not watched at once.
        if (!(error instanceof PlumbError) || error.code !== 'api-unavailable') throw error;
        await sleep(NOT_YET);
      }
    }
  }

  /** @returns the version to go on from */
  #take(event: WatchEvent): string | undefined {
    if (event.type === 'expired') throw new Error('the history has a gap: run again');
    if (event.type === 'bookmark') return event.resourceVersion;
    this.#add(event.object, event.type === 'deleted');
    return event.object.metadata.resourceVersion;
  }

  #add(object: KubeObject, deleted: boolean): void {
    const id = keyId(keyOf(object));
    const at = BigInt(object.metadata.resourceVersion ?? '0');
    const states = this.#states.get(id) ?? [];
    this.#states.set(id, states);
    const before = states.at(-1)?.object ?? null;
    states.push({ at, uid: object.metadata.uid ?? '', object: deleted ? null : object });
    for (const listener of this.#listeners) listener(deleted ? null : object, before);
  }
}
