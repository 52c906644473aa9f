import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, ObjectKey } from '@plumb/api';
import type { Cluster, Reflector, ReflectorOptions } from '@plumb/kube';
import { reflect } from '@plumb/kube';

export type ConfigKind = 'ConfigMap' | 'Secret';

/** Names a ConfigMap or Secret. */
export type ConfigKey = Pick<ObjectKey, 'namespace' | 'name'> & { kind: ConfigKind };

const KINDS: readonly ConfigKind[] = ['ConfigMap', 'Secret'];
/** Milliseconds a run waits for the first lists; where they may not be read, runs go on without. */
const LIST_WITHIN = 5_000;

/**
 * The ConfigMaps and Secrets whose label asks that a change of them is acted upon at once (Flux: `reconcile.fluxcd.io/watch: Enabled`). Of each
 * only its version is kept. Nothing is watched before somebody refers to such an object.
 */
export class WatchedConfigs {
  readonly #cluster: Cluster;
  readonly #options: ReflectorOptions;
  readonly #onChange: (key: ConfigKey) => void;
  readonly #versions = new Map<string, string>();
  #reflectors: Reflector[] | null = null;
  #listed: Promise<unknown> | null = null;

  constructor(options: {
    cluster: Cluster;
    labelSelector: string;
    /** The only namespace to look at; all by default. */
    namespace?: string;
    checkInterval?: number;
    onChange: (key: ConfigKey) => void;
    signal: AbortSignal;
  }) {
    const { cluster, onChange, ...selection } = options;
    this.#cluster = cluster;
    this.#options = selection;
    this.#onChange = onChange;
  }

  /** Starts watching, the first time. Resolves when what is labelled now is known, or could not be told in time. */
  async ready(): Promise<void> {
    this.#reflectors ??= KINDS.map((kind) => this.#watch(kind));
    this.#listed ??= this.#firstLists(this.#reflectors);
    await this.#listed;
  }

  /** The object's uid and version; undefined for one that is not labelled, not there, or not known yet. */
  versionOf(key: ConfigKey): string | undefined {
    return this.#versions.get(idOf(key));
  }

  async done(): Promise<void> {
    await Promise.all((this.#reflectors ?? []).map((reflector) => reflector.done()));
  }

  async #firstLists(reflectors: readonly Reflector[]): Promise<void> {
    const over = new AbortController();
    const late = sleep(LIST_WITHIN, undefined, { signal: over.signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.allSettled(reflectors.map((reflector) => reflector.ready())), late]);
    over.abort();
  }

  #watch(kind: ConfigKind): Reflector {
    const keyOf = ({ metadata }: KubeObject): ConfigKey => {
      return { kind, namespace: metadata.namespace ?? '', name: metadata.name };
    };
    const sink = {
      upsert: (object: KubeObject) => this.#put(keyOf(object), object),
      remove: (object: KubeObject) => this.#drop(keyOf(object)),
      synced: () => undefined,
    };
    return reflect(this.#cluster, { group: '', version: 'v1', kind }, sink, this.#options);
  }

  #put(key: ConfigKey, { metadata }: KubeObject): void {
    const version = `${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`;
    if (this.#versions.get(idOf(key)) === version) return;
    this.#versions.set(idOf(key), version);
    this.#onChange(key);
  }

  #drop(key: ConfigKey): void {
    if (this.#versions.delete(idOf(key))) this.#onChange(key);
  }
}

const idOf = ({ kind, namespace, name }: ConfigKey): string => `${kind}/${namespace}/${name}`;
