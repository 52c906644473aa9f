import { setTimeout as sleep } from 'node:timers/promises';
import { PlumbError, type KindRef, type KubeObject } from '@plumb/api';
import { Backoff } from './backoff.ts';
import type { Cluster, Priority, WatchEvent } from './cluster.ts';
import { Known } from './known.ts';
import type { Reflector, ReflectorOptions, Sink } from './reflector.ts';

/** The part of a cluster that a reflector needs. */
export type ListWatch = Pick<Cluster, 'list' | 'watch'> & { withPriority(priority: Priority): Pick<Cluster, 'list'> };

/** A watch that ends sooner than this was not ended by its own timeout: the next one waits. */
const SHORT_WATCH_MS = 1_000;

/**
 * Keeps `sink` in step with one kind: lists, watches from there, resumes from the last version seen, and lists again only
 * when the server has forgotten that version. Runs until `options.signal` aborts, whatever the server does.
 */
export function reflect(cluster: ListWatch, kind: KindRef, sink: Sink, options: ReflectorOptions): Reflector {
  const run = new Run(cluster, kind, sink, options);
  const done = run.start();
  return { kind, ready: () => run.ready.promise, done: () => done };
}

class Run {
  readonly ready = Promise.withResolvers<void>();
  readonly #cluster: ListWatch;
  readonly #kind: KindRef;
  readonly #sink: Sink;
  readonly #options: ReflectorOptions;
  readonly #known = new Known();
  readonly #backoff = new Backoff();
  /** Where the next watch starts; undefined when a list is due. */
  #version: string | undefined;

  constructor(cluster: ListWatch, kind: KindRef, sink: Sink, options: ReflectorOptions) {
    this.#cluster = cluster;
    this.#kind = kind;
    this.#sink = sink;
    this.#options = options;
    this.ready.promise.catch(() => {});
  }

  async start(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        else await this.#watch(this.#version);
      } catch (error) {
        if (!signal.aborted) await this.#pause(error);
      }
    }
    this.ready.reject(
      new PlumbError('cancelled', `reflector of ${this.#kind.kind} stopped`, { fault: 'system', policy: 'retry' }),
    );
  }

  async #list(): Promise<void> {
    const { items, resourceVersion } = await this.#cluster.list(this.#kind, this.#options);
    this.#options.signal.throwIfAborted();
    const seen = this.#known.startOver();
    for (const object of items) {
      this.#known.put(object);
      this.#sink.upsert(object);
    }
    for (const last of seen.missingFrom(this.#known)) this.#sink.remove(last);
    this.#version = resourceVersion;
    this.#sink.synced(resourceVersion);
    this.#backoff.reset();
    this.ready.resolve();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const started = performance.now();
    let events = 0;
    for await (const event of this.#cluster.watch(this.#kind, { ...this.#options, resourceVersion })) {
      if (this.#options.signal.aborted) return;
      if (events === 0) this.#backoff.reset();
      events += 1;
      this.#deliver(event);
      if (this.#version === undefined) return;
    }
    if (this.#options.signal.aborted) return;
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
  }

  #change(type: 'added' | 'modified' | 'deleted', object: KubeObject): void {
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
    this.#options.onInterruption?.(error, wait);
    await sleep(wait, undefined, { signal: this.#options.signal }).catch(() => {});
  }
}
