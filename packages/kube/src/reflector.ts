import type { KindRef, KubeObject } from '@plumb/api';

/** Where a reflector delivers. Calls come in order and never overlap; they must not throw. */
export interface Sink {
  /** An object was added or changed. During a (re)list every listed object is upserted. */
  upsert(object: KubeObject): void;
  /**
   * An object left the selection: deleted, or its labels no longer match. `last` is the state the server
   * last sent; where only a relist told that it is gone, it holds no more than identity and version.
   */
  remove(last: KubeObject): void;
  /**
   * A list follows: an upsert for all that is in it, a removal for what was known and is not, then `synced`. `rewound`: the server's
   * versions have gone back (etcd was restored): what follows is the state now, however old it looks.
   */
  listed?(resourceVersion: string, rewound: boolean): void;
  /** A full list is in. After a relist, what the reflector knew before and did not see again has been removed already. */
  synced(resourceVersion: string): void;
}

export interface ReflectorOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Every object's metadata and nothing else of it. */
  metadataOnly?: boolean;
  signal: AbortSignal;
  /**
   * Milliseconds between comparisons with a consistent list of metadata, which find events the watch never brought. Each wait is spread
   * by a tenth: an event stays unnoticed for 1.1 of this and 5 s at most, unless the list of the comparison fails. Default 5 minutes; a
   * tenth of it after a list or a watch that failed, or a watch that ended at once without an event.
   */
  checkInterval?: number;
  /** Told of every interruption, for logs and metrics. */
  onInterruption?: (error: unknown, retryInMs: number) => void;
  /** Told when a watch is open, and when it is not any more, whatever ended it: until the next one is, nothing that changes is seen. */
  onSight?: (isOpen: boolean) => void;
}

export interface Reflector {
  readonly kind: KindRef;
  /** Resolves after the first full list; rejects only when the signal aborts first. */
  ready(): Promise<void>;
  /**
   * An object of the selection as the server's answer to a write or a read showed it. The watch has to come to that version: where it does not, an
   * event was lost or the server has gone back, and a list tells.
   */
  note(object: KubeObject): void;
  /** An answer showed less than was known when it was asked for: the server may have gone back, and a list tells. */
  doubt(): void;
  /** Resolves when the reflector has stopped. */
  done(): Promise<void>;
}
