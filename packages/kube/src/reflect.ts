import { setTimeout as sleep } from 'node:timers/promises';
import { PlumbError, type KindRef, type KubeObject } from '@plumb/api';
import { Backoff } from './backoff.ts';
import type { Cluster, ListResult, Priority, WatchEvent } from './cluster.ts';
import { GapCheck } from './gap-check.ts';
import { Known } from './known.ts';
import type { Reflector, ReflectorOptions, Sink } from './reflector.ts';
import { compareVersions } from './versions.ts';

/** The part of a cluster that a reflector needs. */
export type ListWatch = Pick<Cluster, 'list' | 'watch'> & { withPriority(priority: Priority): Pick<Cluster, 'list'> };

/** A watch that ends sooner than this was not ended by its own timeout: the next one waits. */
const SHORT_WATCH_MS = 1_000;
/** After a restart of the server every version has expired: the lists of all kinds are spread over this time. */
const RELIST_SPREAD_MS = 500;
const CHECK_INTERVAL_MS = 5 * 60_000;
/** Lists in a row that must say so before the server is taken to have gone back: one alone may be an old answer of a cache on the way. */
const REWOUND_LISTS = 3;

/**
 * Keeps `sink` in step with one kind: lists, watches from there, resumes from the last version seen, and lists again only
 * when the server has forgotten that version. Runs until `options.signal` aborts, whatever the server does.
 */
export function reflect(cluster: ListWatch, kind: KindRef, sink: Sink, options: ReflectorOptions): Reflector {
  const run = new Run(cluster, kind, sink, options);
  const done = run.start();
  return {
    kind,
    ready: () => run.ready.promise,
    note: (object) => run.note(object),
    doubt: () => run.listAgain(),
    done: () => done,
  };
}

class Run {
  readonly ready = Promise.withResolvers<void>();
  readonly #cluster: ListWatch;
  readonly #kind: KindRef;
  readonly #sink: Sink;
  readonly #options: ReflectorOptions;
  readonly #known = new Known();
  /** What answers of the server have shown, and neither the watch nor a list has. */
  readonly #told = new Known();
  readonly #backoff = new Backoff();
  /** Where the next watch starts; undefined when a list is due. */
  #version: string | undefined;
  #isListed = false;
  /** The highest version seen in this history of the server. */
  #latest = '';
  #restart = new AbortController();
  readonly #check: GapCheck;

  constructor(cluster: ListWatch, kind: KindRef, sink: Sink, options: ReflectorOptions) {
    this.#cluster = cluster;
    this.#kind = kind;
    this.#sink = sink;
    this.#options = options;
    this.ready.promise.catch(() => {});
    const { signal, checkInterval = CHECK_INTERVAL_MS } = options;
    const background = cluster.withPriority('background');
    this.#check = new GapCheck({
      known: this.#known,
      told: this.#told,
      list: () => background.list(kind, { ...options, metadataOnly: true }),
      latest: () => this.#latest,
      onGap: (objects) => this.#onGap(objects),
      signal,
      interval: checkInterval,
    });
  }

  async start(): Promise<void> {
    const { signal } = this.#options;
    const checking = this.ready.promise.then(() => this.#check.run()).catch(() => {});
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        else await this.#watchFrom(this.#version);
      } catch (error) {
        if (!signal.aborted) await this.#pause(error);
      }
    }
    this.ready.reject(
      new PlumbError('cancelled', `reflector of ${this.#kind.kind} stopped`, { fault: 'system', policy: 'retry' }),
    );
    await checking;
  }

  note(object: KubeObject): void {
    if (this.#known.covers(object) || this.#told.covers(object)) return;
    this.#told.put(object);
    this.#reached(object.metadata.resourceVersion);
  }

  #reached(version: string | undefined): void {
    if (version !== undefined && compareVersions(version, this.#latest) > 0) this.#latest = version;
  }

  async #list(): Promise<void> {
    const { signal } = this.#options;
    if (this.#isListed) await sleep(Math.random() * RELIST_SPREAD_MS, undefined, { signal });
    const { list, rewound } = await this.#ask();
    const { items, resourceVersion } = list;
    signal.throwIfAborted();
    this.#sink.listed?.(resourceVersion, rewound);
    const seen = this.#known.startOver();
    for (const object of items) {
      this.#known.put(object);
      this.#sink.upsert(object);
    }
    seen.take(this.#told, rewound ? undefined : this.#told.upTo(resourceVersion).keys());
    for (const last of seen.missingFrom(this.#known)) this.#sink.remove(last);
    this.#version = resourceVersion;
    if (rewound) this.#latest = resourceVersion;
    else this.#reached(resourceVersion);
    this.#isListed = true;
    this.#sink.synced(resourceVersion);
    this.#backoff.reset();
    this.ready.resolve();
  }

  /** A list, and whether it shows that the server has gone back. */
  async #ask(): Promise<{ list: ListResult; rewound: boolean }> {
    const via = this.#isListed ? this.#cluster.withPriority('background') : this.#cluster;
    for (let lists = 1; ; lists++) {
      const before = this.#latest;
      const list = await via.list(this.#kind, this.#options);
      const rewound = this.#isRewound(list, before);
      if (!rewound || lists === REWOUND_LISTS) return { list, rewound };
    }
  }

  /**
   * Versions only ever grow, but for a restore of etcd. It may have grown past ours again since: then single objects show it.
   * @param before the highest version seen when the list was asked for
   */
  #isRewound(list: ListResult, before: string): boolean {
    if (compareVersions(list.resourceVersion, before) < 0) return true;
    return this.#known.isAheadOf(list) || this.#told.isAheadOf(list);
  }

  #onGap(objects: number): void {
    const lost = new PlumbError(
      'api-unavailable',
      `watch ${this.#kind.kind}: events of ${objects} objects never came`,
      {
        fault: 'system',
        policy: 'retry',
      },
    );
    this.#options.onInterruption?.(lost, 0);
    this.listAgain();
  }

  listAgain(): void {
    this.#version = undefined;
    this.#restart.abort();
  }

  /** A watch that is given up for a list ends without error. */
  async #watchFrom(resourceVersion: string): Promise<void> {
    const restart = new AbortController();
    this.#restart = restart;
    const signal = AbortSignal.any([this.#options.signal, restart.signal]);
    try {
      await this.#watch(resourceVersion, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    let events = 0;
    const { onSight } = this.#options;
    const onOpen = (): void => onSight?.(true);
    try {
      for await (const event of this.#cluster.watch(this.#kind, {
        ...this.#options,
        resourceVersion,
        signal,
        onOpen,
      })) {
        if (signal.aborted) return;
        if (events === 0) this.#backoff.reset();
        events += 1;
        this.#deliver(event);
        if (this.#version === undefined) return;
      }
    } finally {
      onSight?.(false);
    }
    if (signal.aborted) return;
    if (events === 0 && performance.now() - started < SHORT_WATCH_MS) {
      await this.#pause(
        new PlumbError('api-unavailable', `watch ${this.#kind.kind}: ended at once`, {
          fault: 'system',
          policy: 'retry',
        }),
      );
    }
  }

  #deliver(event: WatchEvent): void {
    if (event.type === 'expired') {
      this.#version = undefined;
    } else if (event.type === 'bookmark') {
      this.#version = event.resourceVersion;
    } else {
      this.#version = event.object.metadata.resourceVersion ?? this.#version;
      this.#change(event.type, event.object);
    }
    this.#reached(this.#version);
  }

  #change(type: 'added' | 'modified' | 'deleted', object: KubeObject): void {
    this.#told.dropUpTo(object);
    if (type === 'deleted') {
      this.#known.drop(object);
      this.#sink.remove(object);
    } else {
      this.#known.put(object);
      this.#sink.upsert(object);
    }
  }

  async #pause(error: unknown): Promise<void> {
    const wait = this.#backoff.after(error);
    this.#check.hasten();
    this.#options.onInterruption?.(error, wait);
    await sleep(wait, undefined, { signal: this.#options.signal }).catch(() => {});
  }
}
