import { displayKey, keyOf, PlumbError, unlessAborted, userError } from '@plumb/api';
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
  PatchType,
  Priority,
  ResourceInfo,
  TokenOptions,
  WatchEvent,
  WatchOptions,
} from '../cluster.ts';
import { cancelled } from '../transport/errors.ts';
import type { Transport } from '../transport/transport.ts';
import type { Headers } from '../transport/wire.ts';
import { type ApiCall, type Caller } from './caller.ts';
import type { Discovery } from './discovery.ts';
import { readToken, tokenCall } from './account-token.ts';
import type { Subject } from './failure.ts';
import { listAll } from './list.ts';
import type { ListGate } from './list-gate.ts';
import { collectionPath, objectPath, requireNamespace, withQuery } from './paths.ts';
import { watchOnce } from './watch.ts';

const PATCH_TYPES: Record<PatchType, string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

type Target = Pick<ApiCall, 'verb' | 'resource' | 'subject'> & { info: ResourceInfo };

/** What all identities of one connection share. */
export interface SharedConnection {
  readonly transport: Transport;
  readonly discovery: Discovery;
  readonly lists: ListGate;
  /** Headers that stay whoever the caller acts as. */
  readonly agent: Headers;
  /** Only the cluster that `connect` gave ends the connection. */
  readonly owner: boolean;
}

/** What a header can carry. A name of blanks alone would arrive empty, which is no impersonation at all. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/** The real API server behind the Cluster port. */
export class ApiCluster implements Cluster {
  readonly #shared: SharedConnection;
  readonly #discovery: Discovery;
  readonly #caller: Caller;

  constructor(shared: SharedConnection, caller: Caller) {
    this.#shared = shared;
    this.#discovery = shared.discovery;
    this.#caller = caller;
  }

  async get(key: ObjectKey, options: { signal?: AbortSignal } = {}): Promise<KubeObject | null> {
    const target = await this.#target('get', key, options.signal);
    const path = objectPath(target.info, key);
    return orNull(this.#caller.object({ ...target, method: 'GET', path, signal: options.signal }));
  }

  async list(kind: KindRef, options: ListOptions = {}): Promise<ListResult> {
    const info = await this.#served(kind, options.signal);
    const place = `${info.group}/${info.resource}`;
    return this.#shared.lists.run(place, options.signal, () => listAll(this.#caller, info, options));
  }

  async *watch(kind: KindRef, options: WatchOptions): AsyncGenerator<WatchEvent> {
    yield* watchOnce(this.#caller, await this.#served(kind, options.signal), options);
  }

  async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const key = keyOf(object);
    const target = await this.#target('apply', key, options.signal);
    const { fieldManager, force, dryRun, signal } = options;
    const path = withQuery(objectPath(target.info, key), { fieldManager, force, dryRun: dryRunOf(dryRun) });
    const contentType = 'application/apply-patch+yaml';
    return this.#caller.object({
      ...target,
      method: 'PATCH',
      path,
      body: object,
      contentType,
      repeatable: true,
      signal,
    });
  }

  async create(
    object: KubeObject,
    options: { fieldManager?: string; dryRun?: boolean; signal?: AbortSignal } = {},
  ): Promise<KubeObject> {
    const key = keyOf(object);
    const target = await this.#target('create', key, options.signal);
    requireNamespace(target.info, key);
    const { fieldManager, dryRun, signal } = options;
    const path = withQuery(collectionPath(target.info, key.namespace), { fieldManager, dryRun: dryRunOf(dryRun) });
    return this.#caller.object({ ...target, method: 'POST', path, body: object, signal });
  }

  async update(
    object: KubeObject,
    options: { fieldManager?: string; subresource?: 'status'; signal?: AbortSignal } = {},
  ): Promise<KubeObject> {
    const key = keyOf(object);
    const target = await this.#target('update', key, options.signal);
    const { fieldManager, subresource, signal } = options;
    const path = withQuery(objectPath(target.info, key, subresource), { fieldManager });
    return this.#caller.object({ ...target, method: 'PUT', path, body: object, signal });
  }

  async patch(key: ObjectKey, patch: Json, options: PatchOptions): Promise<KubeObject> {
    const target = await this.#target('patch', key, options.signal);
    const { type, fieldManager, subresource, dryRun, signal } = options;
    const path = withQuery(objectPath(target.info, key, subresource), { fieldManager, dryRun: dryRunOf(dryRun) });
    return this.#caller.object({
      ...target,
      method: 'PATCH',
      path,
      body: patch,
      contentType: PATCH_TYPES[type],
      signal,
    });
  }

  async delete(key: ObjectKey, options: DeleteOptions = {}): Promise<boolean> {
    const target = await this.#target('delete', key, options.signal);
    const { signal, ...body } = options;
    const path = objectPath(target.info, key);
    const gone = await orNull(this.#caller.text({ ...target, method: 'DELETE', path, body, signal }));
    return gone !== null;
  }

  async createToken(account: { namespace: string; name: string }, options: TokenOptions): Promise<AccountToken> {
    const call = tokenCall(account, options);
    return readToken(await this.#caller.json(call), call.subject);
  }

  async discover(options: { refresh?: boolean; signal?: AbortSignal } = {}): Promise<readonly ResourceInfo[]> {
    return discovered(this.#discovery.all(options.refresh ?? false), options.signal);
  }

  async resource(kind: KindRef): Promise<ResourceInfo | null> {
    return this.#discovery.find(kind);
  }

  async version(): Promise<string> {
    const info = await this.#caller.json(rawCall('/version'));
    return typeof info['gitVersion'] === 'string' ? info['gitVersion'] : '';
  }

  as(user: string): Cluster {
    if (!PRINTABLE.test(user) || user.trim() === '') {
      throw userError('access-denied', `the user name "${user}" cannot be impersonated: name a service account`);
    }
    const caller = this.#caller.withIdentity({ ...this.#shared.agent, 'impersonate-user': user });
    return new ApiCluster({ ...this.#shared, owner: false }, caller);
  }

  withPriority(priority: Priority): Cluster {
    return new ApiCluster({ ...this.#shared, owner: false }, this.#caller.withPriority(priority));
  }

  withGuard(guard: Guard): Cluster {
    return new ApiCluster({ ...this.#shared, owner: false }, this.#caller.withGuard(guard));
  }

  get connection(): Connection {
    return this.#shared.transport.connection;
  }

  raw(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    return this.#caller.text({ ...rawCall(path), accept: 'application/json, */*', ...(signal && { signal }) });
  }

  async close(): Promise<void> {
    if (this.#shared.owner) this.#shared.transport.close();
  }

  async #target(verb: string, key: ObjectKey, signal: AbortSignal | undefined): Promise<Target> {
    const info = await this.#served(key, signal);
    return { verb, resource: info.resource, subject: subjectOf(verb, key), info };
  }

  async #served(kind: KindRef, signal: AbortSignal | undefined): Promise<ResourceInfo> {
    const known = this.#discovery.known(kind);
    const info = known ?? (await discovered(this.#discovery.find(kind), signal));
    if (info !== null) return info;
    const group = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    const message = `no matches for kind "${kind.kind}" in version "${group}": the API server does not serve it; is its CRD installed?`;
    throw new PlumbError('api-not-found', message, { fault: 'user', policy: 'retry', status: 404 });
  }
}

/** Discovery is shared by all callers, so that one that leaves does not end it for the others. */
function discovered<T>(step: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return unlessAborted(step, signal, () => cancelled({ verb: 'discover', resource: 'discovery' }));
}

function subjectOf(verb: string, key: ObjectKey): Subject {
  const secret = key.group === '' && key.kind === 'Secret';
  return { what: `${verb} ${displayKey(key)}`, secret, names: [key.name, key.namespace] };
}

function rawCall(path: string): ApiCall {
  return {
    verb: 'get',
    resource: 'raw',
    method: 'GET',
    path,
    subject: { what: `get ${path}`, secret: false, names: [] },
  };
}

function dryRunOf(dryRun: boolean | undefined): string | undefined {
  return dryRun === true ? 'All' : undefined;
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PlumbError && error.code === 'api-not-found') return null;
    throw error;
  }
}
