import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, ObjectMeta } from '@plumb/api';
import type { Cluster, Reflector, ReflectorOptions, Sink } from '@plumb/kube';
import { reflect } from '@plumb/kube';
import { compareVersions } from '../runtime/versions.ts';
import { entryOf, type ReleaseEntry } from './storage.ts';

const SECRET = { group: '', version: 'v1', kind: 'Secret' } as const;
/** Milliseconds a run waits for the first list; where it may not be read, runs ask for themselves. */
const LIST_WITHIN = 5_000;

/** An entry, and what its Secret tells beside. */
export interface StoredEntry extends ReleaseEntry {
  readonly resourceVersion: string;
}

/**
 * Which records of releases the agent's own cluster holds, by the metadata of their Secrets: who else writes one, such as `helm rollback`, is noticed at
 * once, and nobody has to ask what is there. Nothing is watched before somebody needs it.
 */
export class StoredReleases {
  readonly #cluster: Cluster;
  readonly #options: ReflectorOptions;
  readonly #onChange: (namespace: string, name: string) => void;
  readonly #releases = new Map<string, Map<number, StoredEntry>>();
  #reflector: Reflector | null = null;
  #listed: Promise<void> | null = null;
  #isListed = false;

  constructor(options: {
    cluster: Cluster;
    /** The only namespace to look at; all by default. */
    namespace?: string;
    checkInterval?: number;
    onChange: (namespace: string, name: string) => void;
    signal: AbortSignal;
  }) {
    const { cluster, onChange, ...rest } = options;
    this.#cluster = cluster;
    this.#options = { ...rest, labelSelector: 'owner=helm', metadataOnly: true };
    this.#onChange = onChange;
  }

  /** Starts watching, the first time. Resolves when what is there is known, or could not be told in time. */
  async ready(): Promise<void> {
    this.#listed ??= this.#start();
    await this.#listed;
  }

  /** The records of a release, newest first; undefined where that is not known. */
  entries(namespace: string, name: string): StoredEntry[] | undefined {
    const { namespace: only } = this.#options;
    if (!this.#isListed || (only !== undefined && only !== namespace)) return undefined;
    const found = this.#releases.get(idOf(namespace, name));
    return [...(found?.values() ?? [])].toSorted((a, b) => b.version - a.version);
  }

  /** What the server answered to a write of ours: an event that is older tells nothing any more. */
  note(metadata: ObjectMeta): void {
    const { namespace: only } = this.#options;
    if (only !== undefined && only !== metadata.namespace) return;
    this.#put(metadata);
    // An answer that the watch had overtaken is found out by the next check for gaps.
    this.#reflector?.note({ apiVersion: SECRET.version, kind: SECRET.kind, metadata });
  }

  async done(): Promise<void> {
    await this.#reflector?.done();
  }

  async #start(): Promise<void> {
    const sink: Sink = {
      listed: (_version, rewound) => {
        if (rewound) this.#forgetVersions();
      },
      upsert: ({ metadata }) => this.#put(metadata),
      remove: (object) => this.#drop(object),
      synced: () => {
        this.#isListed = true;
      },
    };
    this.#reflector = reflect(this.#cluster, SECRET, sink, this.#options);
    const over = new AbortController();
    const late = sleep(LIST_WITHIN, undefined, { signal: over.signal, ref: false }).catch(() => undefined);
    await Promise.race([this.#reflector.ready().catch(() => undefined), late]);
    over.abort();
  }

  /** The server has gone back to an earlier state: whatever it tells now counts. */
  #forgetVersions(): void {
    for (const release of this.#releases.values()) {
      for (const [version, entry] of release) release.set(version, { ...entry, resourceVersion: '' });
    }
  }

  #put(metadata: ObjectMeta): void {
    const { namespace = '', labels = {}, resourceVersion = '' } = metadata;
    const name = labels['name'] ?? '';
    const entry = entryOf(metadata, name);
    if (entry === null) return;
    const id = idOf(namespace, name);
    const release = this.#releases.get(id) ?? new Map<number, StoredEntry>();
    const known = release.get(entry.version);
    if (known !== undefined && compareVersions(resourceVersion, known.resourceVersion) <= 0) return;
    this.#releases.set(id, release.set(entry.version, { ...entry, resourceVersion }));
    this.#onChange(namespace, name);
  }

  #drop({ metadata }: KubeObject): void {
    const { namespace = '', labels = {} } = metadata;
    const name = labels['name'] ?? nameIn(metadata.name);
    const entry = entryOf(metadata, name);
    const id = idOf(namespace, name);
    const release = this.#releases.get(id);
    if (entry === null || release === undefined) return;
    release.delete(entry.version);
    if (release.size === 0) this.#releases.delete(id);
    this.#onChange(namespace, name);
  }
}

const idOf = (namespace: string, name: string): string => `${namespace}/${name}`;

/** What only a relist told to be gone has no labels. */
function nameIn(secret: string): string {
  return /^sh\.helm\.release\.v1\.(.+)\.v\d+$/.exec(secret)?.[1] ?? '';
}
