import type { KubeObject, PlumbError } from '@plumb/api';
import type { WatchEvent } from '@plumb/kube';

import type { Matcher } from './selectors.ts';
import type { Change, Store } from './store.ts';

interface WatchRequest {
  collection: string;
  matches: Matcher;
  /** Resume after this version; 0 starts with what is there. */
  after: number;
  /** How the asked version of the kind looks. */
  present: (object: KubeObject) => KubeObject;
  signal: AbortSignal;
}

type Ending = { error: PlumbError | null };

/** One open watch: what happened since, then what happens. */
export class WatchStream {
  readonly #request: WatchRequest;
  readonly #queue: WatchEvent[] = [];
  #ending: Ending | null = null;
  #wake: () => void = () => {};

  constructor(request: WatchRequest) {
    this.#request = request;
  }

  /** Tells where the server stands, as it does once a minute. */
  bookmark(resourceVersion: string): void {
    this.#push({ type: 'bookmark', resourceVersion });
  }

  /** Ends the stream as a server's timeout does, or with an error as a lost connection does. */
  end(error: PlumbError | null): void {
    this.#ending ??= { error };
    this.#wake();
  }

  async *events(store: Store): AsyncGenerator<WatchEvent> {
    const { signal } = this.#request;
    const missed = this.#missed(store);
    if (missed === null) {
      yield { type: 'expired' };
      return;
    }
    missed.forEach((change) => this.#see(change));
    const stop = store.listen((change) => this.#see(change));
    const abort = (): void => this.end(null);
    signal.addEventListener('abort', abort, { once: true });
    try {
      yield* this.#drain(signal);
    } finally {
      stop();
      signal.removeEventListener('abort', abort);
    }
  }

  #missed(store: Store): readonly Change[] | null {
    const { after, collection } = this.#request;
    if (after !== 0) return store.since(after);
    return store.all(collection).map((object) => ({ version: 0, collection, type: 'added', object, previous: null }));
  }

  async *#drain(signal: AbortSignal): AsyncGenerator<WatchEvent> {
    while (!signal.aborted) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
      } else if (this.#ending !== null) {
        if (this.#ending.error !== null) throw this.#ending.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** An object that enters the selection counts as added, one that leaves it as deleted. */
  #see(change: Change): void {
    const { collection, matches, present } = this.#request;
    if (change.collection !== collection) return;
    const before = change.previous !== null && matches(change.previous);
    const after = change.type !== 'deleted' && matches(change.object);
    if (!before && !after) return;
    const type = before ? (after ? 'modified' : 'deleted') : 'added';
    // Leaving the selection is told with the state before, at the version of the change.
    const shown =
      after || change.type === 'deleted' || change.previous === null
        ? change.object
        : atVersion(change.previous, change.object);
    this.#push({ type, object: present(shown) });
  }

  #push(event: WatchEvent): void {
    this.#queue.push(event);
    this.#wake();
  }
}

function atVersion(object: KubeObject, newer: KubeObject): KubeObject {
  const { resourceVersion } = newer.metadata;
  return { ...object, metadata: { ...object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
}
