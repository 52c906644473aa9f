import { keyOf, printJson, systemError, userError } from '@plumb/api';
import type { Json, JsonObject, KindRef, KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import type {
  AccountToken,
  ApplyOptions,
  Cluster,
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

import { failure } from './failures.ts';
import { Faults } from './faults.ts';
import { memoryToken } from './account-token.ts';
import { MemoryConnection } from './memory-connection.ts';
import type { MemoryRequest } from './faults.ts';
import { qualifiedResource, sameKind } from './kinds.ts';
import type { ServedKind } from './kinds.ts';
import { jsonPatch, mergePatch, strategicPatch } from './patches.ts';
import { matcherOf } from './selectors.ts';
import { Server } from './server.ts';
import type { Place } from './store.ts';
import { WatchStream } from './watch-stream.ts';

export interface MemoryOptions {
  /** Where timestamps come from. Default: the system's clock. */
  clock?: { now(): number };
  /** How many changes watches can go back. Default 10,000. */
  historyLimit?: number;
  /** Default v1.37.2. */
  version?: string;
}

const MANAGER = 'testkit';
const PARTIAL = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' };
/** The state behind every identity. */
class Backend {
  readonly server: Server;
  readonly faults = new Faults();
  readonly requests: MemoryRequest[] = [];
  readonly streams = new Set<WatchStream>();
  readonly version: string;
  readonly now: () => number;
  readonly connection: MemoryConnection;

  constructor(options: MemoryOptions) {
    const { clock = Date, historyLimit = 10_000, version = 'v1.37.2' } = options;
    this.now = () => clock.now();
    this.connection = new MemoryConnection(this.now);
    this.server = new Server({ now: () => clock.now(), historyLimit });
    this.server.seed();
    this.version = version;
  }
}

const MUTATING: ReadonlySet<string> = new Set(['apply', 'create', 'update', 'patch', 'delete']);

/** One identity's door to an in-memory cluster. */
class MemoryClient implements Cluster {
  readonly connection: MemoryConnection;
  protected readonly backend: Backend;
  readonly #user: string;
  readonly #guard: Guard | undefined;

  constructor(backend: Backend, user: string, guard?: Guard) {
    this.backend = backend;
    this.connection = backend.connection;
    this.#user = user;
    this.#guard = guard;
  }

  async get(key: ObjectKey, options: { signal?: AbortSignal } = {}): Promise<KubeObject | null> {
    return this.#serve({ verb: 'get', ...key }, options.signal, () => {
      const { kind, place } = this.#find(key);
      const found = this.#server.store.get(place);
      return found === null ? null : this.#server.present(kind, found);
    });
  }

  async list(ref: KindRef, options: ListOptions = {}): Promise<ListResult> {
    return this.#serve({ verb: 'list', ...ref, ...pick(options) }, options.signal, () => {
      const kind = this.#server.kind(ref);
      const matches = matcherOf(kind, options);
      const { collection } = this.#collection(kind);
      const items = this.#server.store.all(collection).filter(matches).sort(byName);
      return {
        resourceVersion: this.#server.store.version,
        items: items.map((item) => {
          const object = this.#server.present(kind, item);
          return options.metadataOnly === true ? { ...PARTIAL, metadata: object.metadata } : object;
        }),
      };
    });
  }

  async *watch(ref: KindRef, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const kind = await this.#serve({ verb: 'watch', ...ref, ...pick(options) }, options.signal, () =>
      this.#server.kind(ref),
    );
    const { collection } = this.#collection(kind);
    const matches = matcherOf(kind, options);
    const present = (object: KubeObject): KubeObject => {
      const { metadata, ...whole } = this.#server.present(kind, object);
      return options.metadataOnly === true ? { ...PARTIAL, metadata } : { ...whole, metadata };
    };
    const stream = new WatchStream({
      collection,
      matches,
      present,
      after: Number(options.resourceVersion),
      signal: options.signal,
    });
    this.backend.streams.add(stream);
    try {
      options.onOpen?.();
      yield* stream.events(this.#server.store);
    } finally {
      this.backend.streams.delete(stream);
    }
  }

  async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const { fieldManager, force = false, dryRun = false, signal } = options;
    return this.#serve({ verb: 'apply', ...keyOf(object), dryRun }, signal, () =>
      this.#server.apply(this.#server.kind(keyOf(object)), object, { manager: fieldManager, force, dryRun }),
    );
  }

  async create(
    object: KubeObject,
    options: { fieldManager?: string; dryRun?: boolean; signal?: AbortSignal } = {},
  ): Promise<KubeObject> {
    const { fieldManager = MANAGER, dryRun = false, signal } = options;
    return this.#serve({ verb: 'create', ...keyOf(object), dryRun }, signal, () =>
      this.#server.create(this.#server.kind(keyOf(object)), object, { manager: fieldManager, dryRun }),
    );
  }

  async update(
    object: KubeObject,
    options: { fieldManager?: string; subresource?: 'status'; signal?: AbortSignal } = {},
  ): Promise<KubeObject> {
    const { fieldManager = MANAGER, subresource, signal } = options;
    return this.#serve({ verb: 'update', ...keyOf(object), subresource: subresource ?? '' }, signal, () => {
      const { kind, place } = this.#find(keyOf(object));
      if (kind.schema !== null && !object.metadata.resourceVersion) {
        const said = `${kind.kind}.${kind.group} "${place.name}" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update`;
        throw failure(422, said);
      }
      this.#expectUid(kind, place, object);
      return this.#server.modify(kind, place, () => object, {
        manager: fieldManager,
        ...(subresource ? { subresource } : {}),
      });
    });
  }

  async patch(key: ObjectKey, patch: Json, options: PatchOptions): Promise<KubeObject> {
    const { fieldManager = MANAGER, dryRun = false, subresource, signal } = options;
    return this.#serve({ verb: 'patch', ...key, dryRun, subresource: subresource ?? '' }, signal, () => {
      const { kind, place } = this.#find(key);
      if (options.type === 'strategic' && kind.schema !== null)
        throw failure(415, 'the body of the request was in an unknown format');
      const change = (live: KubeObject): KubeObject => patched(kind, live, patch, options);
      return this.#server.modify(kind, place, change, {
        manager: fieldManager,
        dryRun,
        ...(subresource ? { subresource } : {}),
      });
    });
  }

  async delete(key: ObjectKey, options: DeleteOptions = {}): Promise<boolean> {
    return this.#serve({ verb: 'delete', ...key }, options.signal, () => {
      const { kind, place } = this.#find(key);
      const propagation = options.propagationPolicy ?? 'Background';
      return this.#server.remove(kind, place, { ...options.preconditions, propagation });
    });
  }

  async createToken(
    account: { namespace: string; name: string },
    { audiences, signal }: TokenOptions,
  ): Promise<AccountToken> {
    const { namespace, name } = account;
    const key = { group: '', version: 'v1', kind: 'ServiceAccount', namespace, name };
    return this.#serve({ verb: 'create', ...key, subresource: 'token' }, signal, () => {
      const { kind, place } = this.#find(key);
      if (this.#server.store.get(place) === null) throw this.#server.notFound(kind, name);
      return memoryToken({ sub: `system:serviceaccount:${namespace}:${name}`, audiences, now: this.backend.now() });
    });
  }

  async discover(options: { refresh?: boolean; signal?: AbortSignal } = {}): Promise<readonly ResourceInfo[]> {
    return this.#serve({ verb: 'discover' }, options.signal, () => this.#server.kinds().map(infoOf));
  }

  async resource(ref: KindRef): Promise<ResourceInfo | null> {
    const found = this.#server.kinds().find((kind) => sameKind(kind, ref));
    return found === undefined ? null : infoOf(found);
  }

  async version(): Promise<string> {
    return this.backend.version;
  }

  as(user: string): Cluster {
    if (user.trim() === '')
      throw userError('access-denied', `the user name "${user}" cannot be impersonated: name a service account`);
    return new MemoryClient(this.backend, user, this.#guard);
  }

  /** Nothing waits in memory, so nothing is served before anything else. */
  withPriority(_priority: Priority): Cluster {
    return this;
  }

  withGuard(guard: Guard): Cluster {
    return new MemoryClient(this.backend, this.#user, guard);
  }

  async raw(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#serve({ verb: 'raw', name: path }, signal, () => {
      if (['/readyz', '/livez', '/healthz'].includes(path)) return 'ok';
      if (path === '/version') return printJson({ gitVersion: this.backend.version });
      throw failure(404, 'the server could not find the requested resource');
    });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  get #server(): Server {
    return this.backend.server;
  }

  #find(key: ObjectKey): { kind: ServedKind; place: Place } {
    const kind = this.#server.kind(key);
    return { kind, place: this.#server.place(kind, key.namespace, key.name) };
  }

  /** For an update the uid is a precondition; for a patch it is a field that cannot change. */
  #expectUid(kind: ServedKind, place: Place, sent: KubeObject): void {
    const { uid } = sent.metadata;
    const found = this.#server.store.get(place)?.metadata.uid;
    if (!uid || found === undefined || uid === found) return;
    throw failure(
      409,
      `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${place.name}": StorageError: invalid object, Code: 4, Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found}`,
    );
  }

  #collection(kind: ServedKind): { collection: string } {
    return this.#server.place(kind, '*', '');
  }

  /** Records a request, lets ordered trouble happen, then serves it. Results are in hand before anybody else runs. */
  async #serve<T>(
    sent: Pick<MemoryRequest, 'verb'> & Partial<MemoryRequest>,
    signal: AbortSignal | undefined,
    work: () => T,
  ): Promise<T> {
    const { verb, kind = '', namespace = '', name = '', subresource = '', dryRun = false } = sent;
    const request = { verb, kind, namespace, name, subresource, dryRun, user: this.#user };
    this.backend.requests.push(request);
    const fault = this.backend.faults.take(request);
    await fault?.before?.(request);
    if (signal?.aborted) throw cancelled(request);
    const { away } = this.connection;
    if (away !== null) throw systemError('api-unavailable', `${verb} ${kind}: ${away.error}`);
    if (MUTATING.has(verb)) this.#guard?.();
    const answer = work();
    await fault?.after?.(request);
    return answer;
  }
}

/**
 * A Kubernetes API server in memory behind the Cluster port: resource versions, watches with history, server-side apply with
 * field ownership, status subresources, finalizers, garbage collection, namespaces, custom kinds. It runs no workload
 * controllers and fills in no defaults of built-in kinds. The contract suite (packages/testkit) keeps it true to the real one.
 */
export class MemoryCluster extends MemoryClient {
  constructor(options: MemoryOptions = {}) {
    super(new Backend(options), '');
  }

  /** Trouble on order: refusals, delays, lost answers. */
  get faults(): Faults {
    return this.backend.faults;
  }

  /** Every request so far, of all identities. */
  get requests(): readonly MemoryRequest[] {
    return this.backend.requests;
  }

  /** Puts an object in as another cluster has it, with its uid and who owns which field. Its kind must be served. */
  copyIn(object: KubeObject): void {
    const { server } = this.backend;
    const key = keyOf(object);
    server.store.put(server.place(server.kind(key), key.namespace, key.name), structuredClone(object));
  }

  clearRequests(): void {
    this.backend.requests.length = 0;
  }

  /** Forgets the history: watches that start from an earlier version expire. */
  compact(): void {
    this.backend.server.store.compact();
  }

  /** The server goes away, with this error, and its watches with it; null: it is back. */
  become(error: string | null): void {
    this.connection.become(error);
    if (error !== null) this.cutWatches(systemError('api-unavailable', error));
  }

  /** Ends every open watch: quietly as a server's timeout does, or with an error as a lost connection does. */
  cutWatches(error: PlumbError | null = null): void {
    for (const stream of this.backend.streams) stream.end(error);
  }

  /** Sends every open watch a bookmark. */
  bookmark(): void {
    for (const stream of this.backend.streams) stream.bookmark(this.backend.server.store.version);
  }
}

function patched(kind: ServedKind, live: KubeObject, patch: Json, options: PatchOptions): KubeObject {
  const target = live as unknown as JsonObject;
  if (options.type === 'json') return jsonPatch(target, patch) as unknown as KubeObject;
  if (options.type === 'merge') return mergePatch(target, patch) as unknown as KubeObject;
  return strategicPatch(target, patch, kind.shape) as unknown as KubeObject;
}

function infoOf(kind: ServedKind): ResourceInfo {
  const { group, version, resource, namespaced, verbs } = kind;
  return { group, version, kind: kind.kind, resource, namespaced, verbs };
}

function pick(options: { namespace?: string }): { namespace: string } {
  return { namespace: options.namespace ?? '' };
}

function byName(a: KubeObject, b: KubeObject): number {
  const key = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}

function cancelled(request: MemoryRequest): PlumbError {
  return systemError('cancelled', `${request.verb} ${request.kind} ${request.name}: cancelled`);
}
