import { displayKey } from '@plumb/api';
import type { KubeObject, ObjectKey, ObjectMeta } from '@plumb/api';
import type { MadeWith } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import { settleAll } from '../runtime/parallel.ts';
import { broken, packRecord, unpackRecord } from './record-codec.ts';
import type { ReleaseRecord } from './record.ts';

// Releases as Helm stores them: one Secret each (helm pkg/storage/storage.go, pkg/storage/driver/secrets.go).

const SECRET = { group: '', version: 'v1', kind: 'Secret' } as const;
const TYPE = 'helm.sh/release.v1';
const PREFIX = 'sh.helm.release.v1.';
/** As Flux's own, so that records change hands without a trace in managedFields. */
const FIELD_MANAGER = 'helm-controller';
/** Helm and Flux drop it when they write a record, and know nothing of what it says. */
const MADE_WITH_ANNOTATION = 'plumb.dev/made-with';
const SYSTEM_LABELS: ReadonlySet<string> = new Set(['name', 'owner', 'status', 'version', 'createdAt', 'modifiedAt']);
/** Deletions sent at once. */
const PARALLEL = 4;

/** What a list says of a record without reading it. */
export interface ReleaseEntry {
  readonly version: number;
  /** In Helm's words; the Secret's label. */
  readonly status: string;
  /** Whether this agent, or Flux, gave it the status it has: others may have written it before. */
  readonly isOurs: boolean;
  /** When it was last written, in milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** Names a record as it is: whoever writes its Secret makes it another. */
export function markOf({ version, status, resourceVersion }: ReleaseEntry & { resourceVersion?: string }): string {
  return `${version} ${status} ${resourceVersion ?? ''}`;
}

/** The same of one that was read, or written. */
export function markIn({ record: { version }, metadata }: StoredRelease): string {
  const { labels = {}, resourceVersion = '' } = metadata;
  return `${version} ${labels['status'] ?? 'unknown'} ${resourceVersion}`;
}

/** A record, and the Secret it is in without its data: what an update has to be based on. */
export interface StoredRelease {
  readonly record: ReleaseRecord;
  readonly metadata: ObjectMeta;
}

export interface StoreOptions {
  /** As the identity the release is made by. */
  readonly cluster: Cluster;
  /** The storage namespace. */
  readonly namespace: string;
  readonly clock: Pick<Clock, 'time'>;
  readonly signal?: AbortSignal;
  /** Told of each Secret as the server answered to a write. */
  readonly onWrite?: (metadata: ObjectMeta) => void;
}

/**
 * The records of releases in one namespace. Everything that fails is a PlumbError: as the Cluster port has it, or `storage-failed` for a Secret
 * that holds no record, or cannot hold one.
 */
export class ReleaseStore {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #clock: Pick<Clock, 'time'>;
  readonly #options: { signal?: AbortSignal };
  readonly #onWrite: (metadata: ObjectMeta) => void;

  constructor({ cluster, namespace, clock, signal, onWrite = () => undefined }: StoreOptions) {
    this.#onWrite = onWrite;
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#clock = clock;
    this.#options = signal === undefined ? {} : { signal };
  }

  /** Its records, newest first, from their Secrets' metadata alone. */
  async list(name: string): Promise<ReleaseEntry[]> {
    const { items } = await this.#cluster.list(SECRET, {
      namespace: this.#namespace,
      labelSelector: `name=${name},owner=helm`,
      metadataOnly: true,
      ...this.#options,
    });
    return items.flatMap(({ metadata }) => entryOf(metadata, name) ?? []).sort((a, b) => b.version - a.version);
  }

  /** @returns null when there is no such record */
  async get(name: string, version: number): Promise<StoredRelease | null> {
    const key = this.#key(name, version);
    const secret = await this.#cluster.get(key, this.#options);
    return secret === null ? null : await readSecret(secret, { key, name, version });
  }

  /** The newest record; null when there is none. */
  async last(name: string): Promise<StoredRelease | null> {
    return await this.#first(name, await this.list(name));
  }

  /** The newest record that is deployed, should there be several; null when none is. */
  async deployed(name: string): Promise<StoredRelease | null> {
    const entries = await this.list(name);
    return await this.#first(
      name,
      entries.filter(({ status }) => status === 'deployed'),
    );
  }

  /** The first of these that still exists: one may be pruned between the list and the read. */
  async #first(name: string, entries: readonly ReleaseEntry[]): Promise<StoredRelease | null> {
    for (const { version } of entries) {
      const found = await this.get(name, version);
      if (found !== null) return found;
    }
    return null;
  }

  /**
   * Stores a new record, and notes beside it what its release is made with, which Helm's format has no field for.
   * @throws PlumbError `api-conflict` when there is one of this number: somebody else was faster
   */
  async create(record: ReleaseRecord, madeWith: MadeWith): Promise<StoredRelease> {
    const key = this.#key(record.name, record.version);
    const annotations = { [MADE_WITH_ANNOTATION]: JSON.stringify(madeWith) };
    const bare = { name: key.name, namespace: key.namespace, annotations };
    const secret = await this.#secretOf(record, key, bare, { createdAt: this.#seconds() });
    const { metadata } = await this.#cluster.create(secret, { fieldManager: FIELD_MANAGER, ...this.#options });
    this.#onWrite(metadata);
    return { record, metadata: kept(metadata) };
  }

  /**
   * Stores what a record is now in place of what was read or written before.
   * @throws PlumbError `api-conflict` when somebody else changed it since, `api-not-found` when it is gone
   */
  async update({ metadata: before }: StoredRelease, record: ReleaseRecord): Promise<StoredRelease> {
    const key = this.#key(record.name, record.version);
    const { createdAt } = before.labels ?? {};
    const stamps = { ...(createdAt === undefined ? {} : { createdAt }), modifiedAt: this.#seconds() };
    const secret = await this.#secretOf(record, key, before, stamps);
    const { metadata } = await this.#cluster.update(secret, { fieldManager: FIELD_MANAGER, ...this.#options });
    this.#onWrite(metadata);
    return { record, metadata: kept(metadata) };
  }

  /** @returns false when it was not there (any more) */
  async delete(name: string, version: number): Promise<boolean> {
    return await this.#cluster.delete(this.#key(name, version), this.#options);
  }

  /** Deletes all records of a release, the newest last: as long as any is left, it tells what is being done. */
  async purge(name: string): Promise<void> {
    const entries = await this.list(name);
    for (const { version } of entries.toReversed()) await this.delete(name, version);
  }

  /**
   * Deletes the oldest records beyond `maxHistory`, to be called once a new one is stored: neither that nor the newest deployed one. Helm deletes the
   * same ones before it stores the new one, and so has less to go back to when it is killed in between (removeLeastRecent). 0 keeps all.
   * All are tried; then the first failure is thrown.
   * @returns how many were deleted
   */
  async prune(name: string, maxHistory: number): Promise<number> {
    if (maxHistory <= 0) return 0;
    const entries = await this.list(name);
    const deployed = entries.find(({ status }) => status === 'deployed');
    const old = entries.slice(1).filter((entry) => entry !== deployed);
    const leaving = old.reverse().slice(0, Math.max(entries.length - maxHistory, 0));
    const results = await settleAll(leaving, PARALLEL, ({ version }) => this.delete(name, version));
    const failure = results.find((result) => !result.ok);
    if (failure !== undefined) throw failure.error;
    return leaving.length;
  }

  #key(name: string, version: number): ObjectKey {
    return { ...SECRET, namespace: this.#namespace, name: `${PREFIX}${name}.v${version}` };
  }

  #seconds(): string {
    return String(Math.floor(this.#clock.time() / 1_000));
  }

  async #secretOf(
    record: ReleaseRecord,
    key: ObjectKey,
    metadata: ObjectMeta,
    stamps: Record<string, string>,
  ): Promise<KubeObject> {
    const { name, version, info, labels = {} } = record;
    const own = { ...stamps, name, owner: 'helm', status: info.status ?? 'unknown', version: String(version) };
    const release = await packRecord(record, displayKey(key));
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata, labels: { ...userLabels(labels), ...own } },
      type: TYPE,
      data: { release },
    };
  }
}

/** What is kept of a Secret's metadata: all that an update has to send again. */
function kept({ managedFields: _fields, ...metadata }: ObjectMeta): ObjectMeta {
  return metadata;
}

function userLabels(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => !SYSTEM_LABELS.has(label)));
}

/** The number is in the Secret's name, which nobody can change; null for a Secret that only has the labels. */
export function entryOf(metadata: ObjectMeta, name: string): ReleaseEntry | null {
  const { name: secret, labels = {} } = metadata;
  const start = `${PREFIX}${name}.v`;
  const number = secret.startsWith(start) ? secret.slice(start.length) : '';
  if (!/^[1-9]\d{0,14}$/.test(number)) return null;
  return { version: Number(number), status: labels['status'] ?? 'unknown', ...writerOf(metadata) };
}

interface Owned {
  'f:metadata'?: { 'f:labels'?: { 'f:status'?: object } };
}

function ownsStatus(fields: Owned | undefined): boolean {
  return fields?.['f:metadata']?.['f:labels']?.['f:status'] !== undefined;
}

/** Who gave a record its status, and when it was written last, as the Secret's fields and labels tell. */
function writerOf({ managedFields = [], labels = {} }: ObjectMeta): Pick<ReleaseEntry, 'isOurs' | 'writtenAt'> {
  const isOurs = managedFields.some(
    ({ manager, fieldsV1 }) => manager === FIELD_MANAGER && ownsStatus(fieldsV1 as Owned | undefined),
  );
  const seconds = Number(labels['modifiedAt'] ?? labels['createdAt'] ?? 0);
  return { isOurs, writtenAt: Number.isFinite(seconds) ? seconds * 1_000 : 0 };
}

async function readSecret(
  secret: KubeObject,
  { key, name, version }: { key: ObjectKey; name: string; version: number },
): Promise<StoredRelease> {
  const data = (secret['data'] ?? {}) as Record<string, unknown>;
  const record = await unpackRecord(data['release'], displayKey(key));
  if (record.name !== name || record.version !== version) {
    throw broken(displayKey(key), 'it is of another release, or of another number, than its name says');
  }
  const labels = userLabels(secret.metadata.labels ?? {});
  return {
    record: { ...record, namespace: record.namespace || key.namespace, labels },
    metadata: kept(secret.metadata),
  };
}

/** What is noted beside a record of what its release was made with; null where nothing is, as with records that helm or Flux wrote. */
export function madeWithIn({ metadata }: Pick<StoredRelease, 'metadata'>): MadeWith | null {
  try {
    const noted = JSON.parse(metadata.annotations?.[MADE_WITH_ANNOTATION] ?? 'null') as Partial<MadeWith> | null;
    const { postRenderersDigest, commonMetadataDigest } = noted ?? {};
    if (typeof postRenderersDigest !== 'string' || typeof commonMetadataDigest !== 'string') return null;
    return { postRenderersDigest, commonMetadataDigest };
  } catch {
    return null;
  }
}
