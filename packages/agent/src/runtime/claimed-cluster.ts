import type { Json, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import type {
  AccountToken,
  ApplyOptions,
  Cluster,
  Connection,
  DeleteOptions,
  Guard,
  ListOptions,
  ListResult,
  PatchOptions,
  Priority,
  ResourceInfo,
  TokenOptions,
  WatchEvent,
  WatchOptions,
} from '@plumb/kube';
import type { Send } from './claims.ts';

/** Hands every mutating request to somebody who decides whether and how long it may be sent. */
export type Mutate = <T>(signal: AbortSignal | undefined, send: Send<T>) => Promise<T>;

/** A cluster whose mutating requests go through `mutate`; all else passes. */
export class ClaimedCluster implements Cluster {
  readonly #cluster: Cluster;
  readonly #mutate: Mutate;

  constructor(cluster: Cluster, mutate: Mutate) {
    this.#cluster = cluster;
    this.#mutate = mutate;
  }

  get connection(): Connection {
    return this.#cluster.connection;
  }

  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    return this.#send(options, (cluster, signal) => cluster.apply(object, { ...options, signal }));
  }

  create(object: KubeObject, options: Parameters<Cluster['create']>[1] = {}): Promise<KubeObject> {
    return this.#send(options, (cluster, signal) => cluster.create(object, { ...options, signal }));
  }

  update(object: KubeObject, options: Parameters<Cluster['update']>[1] = {}): Promise<KubeObject> {
    return this.#send(options, (cluster, signal) => cluster.update(object, { ...options, signal }));
  }

  patch(key: ObjectKey, patch: Json, options: PatchOptions): Promise<KubeObject> {
    return this.#send(options, (cluster, signal) => cluster.patch(key, patch, { ...options, signal }));
  }

  delete(key: ObjectKey, options: DeleteOptions = {}): Promise<boolean> {
    return this.#send(options, (cluster, signal) => cluster.delete(key, { ...options, signal }));
  }

  /** It changes nothing. */
  createToken(account: { namespace: string; name: string }, options: TokenOptions): Promise<AccountToken> {
    return this.#cluster.createToken(account, options);
  }

  as(user: string): Cluster {
    return new ClaimedCluster(this.#cluster.as(user), this.#mutate);
  }

  withPriority(priority: Priority): Cluster {
    return new ClaimedCluster(this.#cluster.withPriority(priority), this.#mutate);
  }

  withGuard(guard: Guard): Cluster {
    const both: Mutate = (signal, send) =>
      this.#mutate(signal, (own, end) => send(() => Math.min(guard(), own()), end));
    return new ClaimedCluster(this.#cluster, both);
  }

  get(key: ObjectKey, options?: { signal?: AbortSignal }): Promise<KubeObject | null> {
    return this.#cluster.get(key, options);
  }

  list(kind: KindRef, options?: ListOptions): Promise<ListResult> {
    return this.#cluster.list(kind, options);
  }

  watch(kind: KindRef, options: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#cluster.watch(kind, options);
  }

  discover(options?: { refresh?: boolean; signal?: AbortSignal }): Promise<readonly ResourceInfo[]> {
    return this.#cluster.discover(options);
  }

  resource(kind: KindRef): Promise<ResourceInfo | null> {
    return this.#cluster.resource(kind);
  }

  version(): Promise<string> {
    return this.#cluster.version();
  }

  raw(path: string, options?: { signal?: AbortSignal }): Promise<string> {
    return this.#cluster.raw(path, options);
  }

  /** The connection is its owner's to end. */
  async close(): Promise<void> {}

  #send<T>(
    { signal }: { signal?: AbortSignal },
    request: (cluster: Cluster, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#mutate(signal, (guard, end) => request(this.#cluster.withGuard(guard), end));
  }
}
