import type { Json, KindRef, KubeObject, ObjectKey } from '@plumb/api';

/** What discovery says about one kind. `resource` is the plural name in URLs. */
export interface ResourceInfo extends KindRef {
  readonly resource: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface ListOptions {
  /** One namespace; all of them when left out. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** '0' reads from the API server's watch cache; left out, the read is consistent (quorum). */
  resourceVersion?: string;
  /** Every object's metadata and nothing else of it. */
  metadataOnly?: boolean;
  /** Page size. The list is read page by page and handed on as it comes. Default 500. */
  limit?: number;
  signal?: AbortSignal;
}

export interface ListResult {
  resourceVersion: string;
  items: KubeObject[];
}

/** An event of a watch. `bookmark` carries a resourceVersion only. `expired` is 410 Gone in either of its forms: list again. */
export type WatchEvent =
  | { type: 'added' | 'modified' | 'deleted'; object: KubeObject }
  | { type: 'bookmark'; resourceVersion: string }
  | { type: 'expired' };

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Every object's metadata and nothing else of it. */
  metadataOnly?: boolean;
  resourceVersion: string;
  signal: AbortSignal;
  /** Called once the server has begun to answer: what changes from then on comes as it happens. */
  onOpen?: () => void;
}

export interface ApplyOptions {
  fieldManager: string;
  force?: boolean;
  dryRun?: boolean;
  signal?: AbortSignal;
}

/** The patch formats the API server takes; server-side apply has its own call. */
export type PatchType = 'merge' | 'json' | 'strategic';

export interface PatchOptions {
  type: PatchType;
  fieldManager?: string;
  subresource?: 'status' | 'scale';
  dryRun?: boolean;
  signal?: AbortSignal;
}

export interface DeleteOptions {
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
  signal?: AbortSignal;
}

export interface TokenOptions {
  /** Who is to take the token; empty means the API server itself. */
  audiences: readonly string[];
  signal?: AbortSignal;
}

/** A token that shows its bearer to be a service account. */
export interface AccountToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * How urgent a request is, the most urgent first: `emergency`, repair of `drift`, `request` (what a commit or a person asked for; the
 * default), `background` (status, events, relists, checks).
 */
export const PRIORITIES = ['emergency', 'drift', 'request', 'background'] as const;
export type Priority = (typeof PRIORITIES)[number];

/**
 * Asked at the very moment a mutating request is sent, however long it waited for that. It throws to refuse, or gives the
 * milliseconds after which the API server is to end the request: its `timeout` parameter.
 */
export type Guard = () => number;

/** Since when the API server does not answer (milliseconds since the epoch), and how that showed. */
export interface Away {
  readonly since: number;
  readonly error: string;
}

/** The requests under way: how many may be, are, and wait for it. */
export interface Load {
  readonly window: number;
  readonly inFlight: number;
  readonly waiting: Readonly<Record<Priority, number>>;
}

/** The state of a connection, the same for all identities and priorities on it. */
export interface Connection {
  /** Null while the API server answers. While it is away, requests wait for it, a minute at most each. */
  readonly away: Away | null;
  readonly load: Load;
  /** The API server's own clock, milliseconds since the epoch: a little behind, never ahead. Null where it has not told it yet. */
  readonly time: number | null;
  /** Milliseconds the API server has been away, by a clock that never goes back; 0 while it answers. */
  awayFor(): number;
  /** Told when the API server goes and when it comes back (null). @returns ends the listening */
  listen(listener: (away: Away | null) => void): () => void;
  /** Resolves while the API server answers, at once or when it does again. Rejects when the signal aborts before. */
  back(signal?: AbortSignal): Promise<void>;
}

/**
 * The port to one Kubernetes API server as one identity. The real one speaks HTTP/2; testkit's in-memory one passes the same
 * contract suite. Objects pass through as they came: no field dropped, no number rounded.
 *
 * Every failure is a PlumbError: `api-not-found` (404), `api-conflict` (409), `api-invalid` (400, 422), `api-forbidden` (401, 403),
 * `api-unavailable` (429, 5xx, network; `retryAfter` set where the server named a time), `timeout`, `cancelled`.
 * Its message is the API server's own message.
 */
export interface Cluster {
  /** @returns null when the object does not exist. */
  get(key: ObjectKey, options?: { signal?: AbortSignal }): Promise<KubeObject | null>;
  list(kind: KindRef, options?: ListOptions): Promise<ListResult>;
  /** Ends without error when the server closes the stream; throws when it is cut. The reflector resumes either. */
  watch(kind: KindRef, options: WatchOptions): AsyncIterable<WatchEvent>;
  /** Server-side apply (KEP-555). The answer is the live object, managedFields included. */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  create(
    object: KubeObject,
    options?: { fieldManager?: string; dryRun?: boolean; signal?: AbortSignal },
  ): Promise<KubeObject>;
  update(
    object: KubeObject,
    options?: { fieldManager?: string; subresource?: 'status'; signal?: AbortSignal },
  ): Promise<KubeObject>;
  patch(key: ObjectKey, patch: Json, options: PatchOptions): Promise<KubeObject>;
  /** @returns false when the object was not there (any more). */
  delete(key: ObjectKey, options?: DeleteOptions): Promise<boolean>;
  /** Asks for a token of a service account (TokenRequest). @throws api-not-found where there is no such account */
  createToken(account: { namespace: string; name: string }, options: TokenOptions): Promise<AccountToken>;
  /** The kinds served, cached; `refresh` asks again (after a CRD was applied, or a kind was not found). */
  discover(options?: { refresh?: boolean; signal?: AbortSignal }): Promise<readonly ResourceInfo[]>;
  /** What discovery knows of one kind; asks again once if it does not know it. @returns null for a kind that is not served. */
  resource(kind: KindRef): Promise<ResourceInfo | null>;
  /** The server's version as it prints it: `v1.37.2`. */
  version(): Promise<string>;
  /** The same connection acting as another user (impersonation). An empty user is refused with `access-denied` (I9). */
  as(user: string): Cluster;
  /** The same connection and identity; its requests queue in this class where requests have to wait. Leases never wait. */
  withPriority(priority: Priority): Cluster;
  /** The same connection and identity; nothing is changed through it but by leave of the guard, which is asked for each try. */
  withGuard(guard: Guard): Cluster;
  readonly connection: Connection;
  /** A raw GET below the API root (`/readyz`, `/openapi/v3`): the text of the answer. */
  raw(path: string, options?: { signal?: AbortSignal }): Promise<string>;
  close(): Promise<void>;
}

/** Counts what was sent; one entry per verb, resource and outcome class. The metrics endpoint and the bench read it. */
export interface RequestCounter {
  count(verb: string, resource: string, status: number, seconds: number): void;
}
