import { setTimeout as sleep } from 'node:timers/promises';
import type { KindRef, KubeObject, ObjectKey, UnitRef } from '@plumb/api';
import { apiVersionOf, asPlumbError, keyId, keyOf, PlumbError } from '@plumb/api';
import type { Observed, Ownership } from '@plumb/core';
import { isSameUnit, observe } from '@plumb/core';
import type { Cluster, Reflector } from '@plumb/kube';
import { reflect } from '@plumb/kube';
import { compareVersions } from '../runtime/versions.ts';
import { Holds } from './holds.ts';
import { Listing } from './listing.ts';

/** What a change of a live object looks like to whoever asked to be told. `object` is null when it left the watch. */
export interface LiveChange {
  id: string;
  key: ObjectKey;
  before: Observed | undefined;
  after: Observed | undefined;
  /** The object as the server sent it: held only while this call lasts. */
  object: KubeObject;
  /** The server has gone back to an earlier state of this object. */
  rewound?: boolean;
}

/** A watch, and what it last stumbled over. */
interface Watch {
  reflector: Reflector;
  trouble: Trouble;
  stop: AbortController;
}

interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

interface Trouble {
  error: unknown;
  /** Told of each. */
  readonly listeners: Set<() => void>;
}

const WATCH_VERBS = ['list', 'watch'] as const;
/** Milliseconds a run waits for the first list of a kind. */
const LIST_WITHIN = 15_000;

/** Deletions remembered, of which an answer may still be on its way. */
const DELETIONS = 1_000;

const kindId = (kind: KindRef): string => `${kind.group}/${kind.kind}`;

/** Of an object's id (`keyId`): the id of its kind, and where it is. */
function partsOf(id: string): { whole: string; namespace: string; name: string } {
  const [group = '', kind = '', namespace = '', name = ''] = id.split('/');
  return { whole: kindId({ group, kind, version: '' }), namespace, name };
}

/**
 * What runs, as far as units own it: one label-filtered watch per kind, and per object a few strings (docs/architecture.md).
 * Objects a health check names without owning them are watched one by one.
 */
export class LiveObjects {
  readonly #cluster: Cluster;
  readonly #ownership: Ownership;
  readonly #onChange: (change: LiveChange) => void;
  readonly #observed = new Map<string, Observed>();
  readonly #kinds = new Map<string, Promise<Watch | null>>();
  readonly #single = new Map<string, Promise<Watch | null>>();
  /** Which units, by uid, have an object watched by its name. */
  readonly #holds = new Holds();
  /** Kinds that may not be watched in the whole cluster. */
  readonly #narrow = new Set<string>();
  /** Of the watches by kind, those that run. */
  readonly #running = new Map<string, Reflector>();
  /** By uid, of objects that left the watch: the version at which they were not in it. */
  readonly #gone = new Map<string, string>();
  #lastOwner: UnitRef | null = null;
  readonly #waiters = new Set<() => void>();
  readonly #followers = new Set<(change: LiveChange) => void>();
  readonly #stop = new AbortController();

  readonly #listWithin: number;
  readonly #checkInterval: number | undefined;

  constructor(options: {
    cluster: Cluster;
    /** Whose objects are looked at. */
    ownership: Ownership;
    onChange: (change: LiveChange) => void;
    /** Milliseconds. */
    listWithin?: number;
    /** Milliseconds between searches for events a watch never brought. */
    checkInterval?: number | undefined;
  }) {
    this.#checkInterval = options.checkInterval;
    this.#listWithin = options.listWithin ?? LIST_WITHIN;
    this.#cluster = options.cluster;
    this.#ownership = options.ownership;
    this.#onChange = options.onChange;
  }

  get size(): number {
    return this.#observed.size;
  }

  get(id: string): Observed | undefined {
    return this.#observed.get(id);
  }

  /**
   * Makes sure these kinds are watched and their first list is in: in the whole cluster, or where that is forbidden in the namespaces named here. A
   * kind that is not served is left out: nothing of it can exist.
   */
  async watchKinds(kinds: Iterable<KindRef & { namespace?: string }>): Promise<void> {
    const wanted = new Map<string, { kind: KindRef; namespaces: Set<string> }>();
    for (const kind of kinds) {
      const id = kindId(kind);
      const known = wanted.get(id) ?? { kind, namespaces: new Set() };
      wanted.set(id, known);
      known.namespaces.add(kind.namespace ?? '');
    }
    await Promise.all([...wanted].map(([id, { kind, namespaces }]) => this.#watchKind(id, kind, namespaces)));
  }

  async #watchKind(id: string, kind: KindRef, namespaces: ReadonlySet<string>): Promise<void> {
    const selection = { labelSelector: this.#ownership.nameLabel };
    try {
      if (!this.#narrow.has(id)) return await this.#inStep(this.#kinds, id, () => this.#startKind(id, kind, selection));
    } catch (thrown) {
      if (asPlumbError(thrown).status !== 403 || namespaces.has('')) throw thrown;
      this.#narrow.add(id);
      const watch = await this.#kinds.get(id);
      watch?.stop.abort();
      this.#kinds.delete(id);
      this.#running.delete(id);
    }
    const watches = [...namespaces].map((namespace) => {
      const part = `${id} ${namespace}`;
      return this.#inStep(this.#kinds, part, () => this.#startKind(part, kind, { ...selection, namespace }));
    });
    await Promise.all(watches);
  }

  /** Starts a watch by kind, which is told what is known already: it may be gone, and no event will say so. */
  async #startKind(id: string, kind: KindRef, selection: Selection): Promise<Watch | null> {
    const watch = await this.#start(kind, selection);
    if (watch === null) return null;
    this.#running.set(id, watch.reflector);
    for (const [known, { owner, uid, resourceVersion }] of this.#observed) {
      const { whole, namespace, name } = partsOf(known);
      if (owner === null || whole !== kindId(kind)) continue;
      if (selection.namespace !== undefined && selection.namespace !== namespace) continue;
      const metadata = { name, namespace, uid, resourceVersion };
      watch.reflector.note({ apiVersion: apiVersionOf(kind), kind: kind.kind, metadata });
    }
    return watch;
  }

  /**
   * Watches one object that carries no owner label of ours, as a health check may name any object.
   * @param unit the uid of the unit that asks; it is watched until no unit does (`keepOnly`)
   */
  async watchObject(key: ObjectKey, unit: string): Promise<void> {
    const id = keyId(key);
    this.#holds.take(unit, id);
    const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` };
    await this.#inStep(this.#single, id, () => this.#start(key, selection));
  }

  /** Of the objects watched by their names, the unit needs only these any more: the watches nobody needs end. */
  keepOnly(unit: string, ids: ReadonlySet<string>): void {
    for (const id of this.#holds.keepOnly(unit, ids)) {
      const watch = this.#single.get(id);
      if (watch === undefined) continue;
      this.#single.delete(id);
      void end(watch);
      if (!this.#isOfWatchedKind(id)) this.#observed.delete(id);
    }
  }

  /** Whether the watch of its kind shows an object too. */
  #isOfWatchedKind(id: string): boolean {
    if (this.#observed.get(id)?.owner?.kind !== this.#ownership.kind) return false;
    const { whole, namespace } = partsOf(id);
    return this.#kinds.has(whole) || this.#kinds.has(`${whole} ${namespace}`);
  }

  /** Whether an object is watched by its name, for somebody's health check. */
  isNamed(id: string): boolean {
    return this.#single.has(id);
  }

  /**
   * The server's answer to an apply or a read of ours, so that a plan made at once sees it. An event of the watch that is older is ignored, and so
   * is an answer about an object that the watch has shown to be gone: it was overtaken.
   */
  note(object: KubeObject): Observed {
    const id = keyId(keyOf(object));
    const known = this.#observed.get(id);
    const observed = this.#observe(object, known);
    if (known === undefined ? this.#wasGoneAt(observed) : isOlder(observed, known)) return observed;
    this.#observed.set(id, observed);
    // What carries no label of ours is in no watch by kind.
    if (observed.owner !== null) this.#watchOf(keyOf(object))?.note(object);
    return observed;
  }

  #watchOf(key: ObjectKey): Reflector | undefined {
    const id = kindId(key);
    return this.#running.get(id) ?? this.#running.get(`${id} ${key.namespace}`);
  }

  /** Tells of every change of what is watched, until the function that is returned is called. */
  follow(tell: (change: LiveChange) => void): () => void {
    this.#followers.add(tell);
    return () => this.#followers.delete(tell);
  }

  /** Resolves true as soon as `holds` is true, looking again at each change; false when `timeout` ms are over or the signal aborts. */
  async until(holds: () => boolean, timeout: number, signal: AbortSignal): Promise<boolean> {
    if (holds()) return true;
    const over = AbortSignal.any([signal, this.#stop.signal, AbortSignal.timeout(timeout)]);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        this.#waiters.delete(look);
        over.removeEventListener('abort', expire);
        resolve(result);
      };
      const look = (): void => {
        if (holds()) end(true);
      };
      const expire = (): void => end(false);
      this.#waiters.add(look);
      over.addEventListener('abort', expire, { once: true });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const watches = await Promise.allSettled([...this.#kinds.values(), ...this.#single.values()]);
    await Promise.all(
      watches.map((watch) => (watch.status === 'fulfilled' ? watch.value?.reflector.done() : undefined)),
    );
  }

  /** Starts a watch unless there is one, and waits for its first list, but not for ever: a kind that cannot be listed must hold nobody up. */
  async #inStep(
    watches: Map<string, Promise<Watch | null>>,
    id: string,
    start: () => Promise<Watch | null>,
  ): Promise<void> {
    const starting = watches.get(id) ?? start();
    watches.set(id, starting);
    try {
      const watch = await starting;
      if (watch !== null) return await this.#listed(watch);
    } catch (error) {
      if (await isStarted(starting)) throw error;
      if (watches.get(id) === starting) watches.delete(id);
      throw error;
    }
    // Not served (yet): ask again the next time somebody needs it.
    if (watches.get(id) === starting) watches.delete(id);
  }

  async #listed({ reflector, trouble }: Watch): Promise<void> {
    const over = new AbortController();
    const late = sleep(this.#listWithin, undefined, { signal: over.signal, ref: false }).then(() => {
      const why = trouble.error === null ? 'no answer yet' : asPlumbError(trouble.error).message;
      throw new PlumbError('api-unavailable', unwatched(reflector.kind, why), { fault: 'system', policy: 'retry' });
    });
    // Who may not watch need not wait.
    const forbidden = Promise.withResolvers<never>();
    const look = (): void => {
      const { code, message, fault, policy, status } = asPlumbError(trouble.error);
      const detail = { fault, policy, cause: trouble.error, ...(status === undefined ? {} : { status }) };
      if (code === 'api-forbidden') forbidden.reject(new PlumbError(code, unwatched(reflector.kind, message), detail));
    };
    trouble.listeners.add(look);
    look();
    try {
      await Promise.race([reflector.ready(), late, forbidden.promise]);
    } finally {
      late.catch(() => undefined);
      trouble.listeners.delete(look);
      over.abort();
    }
  }

  /** @returns null for a kind that is not served, or of which no object is kept: such as a review, that can only be created */
  async #start(kind: KindRef, selection: Selection): Promise<Watch | null> {
    const resource = await this.#cluster.resource(kind);
    if (resource === null || !WATCH_VERBS.every((verb) => resource.verbs.includes(verb))) return null;
    const list = new Listing();
    const sink = {
      listed: (listVersion: string, rewound: boolean) => list.begin(listVersion, rewound),
      upsert: (object: KubeObject) => this.#upsert(object, list),
      remove: (object: KubeObject) => this.#remove(object, list),
      synced: () => list.end(),
    };
    const { group, version, kind: name } = resource;
    const trouble: Trouble = { error: null, listeners: new Set() };
    const onInterruption = (error: unknown): void => {
      trouble.error = error;
      for (const look of trouble.listeners) look();
    };
    const checkInterval = this.#checkInterval;
    const check = checkInterval === undefined ? {} : { checkInterval };
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, stop.signal]);
    const options = { ...selection, ...check, signal, onInterruption };
    return { reflector: reflect(this.#cluster, { group, version, kind: name }, sink, options), trouble, stop };
  }

  #upsert(object: KubeObject, list: Listing): void {
    const key = keyOf(object);
    const id = keyId(key);
    const before = this.#observed.get(id);
    const after = this.#observe(object, before);
    const rewound = before !== undefined && isOlder(after, before);
    if (rewound && !list.overrules(before)) return;
    this.#gone.delete(after.uid);
    this.#observed.set(id, after);
    this.#changed({ id, key, before, after, object, rewound });
  }

  /** Objects of one unit share its name where they can: most stand together in a list, and most changes leave the owner as it was. */
  #observe(object: KubeObject, before: Observed | undefined): Observed {
    const observed = observe(object, this.#ownership.manager);
    const { owner } = observed;
    if (owner === null) return observed;
    const same = [before?.owner ?? null, this.#lastOwner].find((known) => isSameUnit(known, owner));
    this.#lastOwner = same ?? owner;
    return { ...observed, owner: this.#lastOwner };
  }

  #changed(change: LiveChange): void {
    this.#onChange(change);
    for (const tell of this.#followers) tell(change);
    for (const look of this.#waiters) look();
  }

  #remove(object: KubeObject, list: Listing): void {
    const key = keyOf(object);
    const id = keyId(key);
    const before = this.#observed.get(id);
    const ahead = before !== undefined && isOlder(observe(object, this.#ownership.manager), before);
    if (ahead && !list.overrules(before)) return;
    this.#observed.delete(id);
    this.#rememberGone(object.metadata, list);
    this.#changed({ id, key, before, after: undefined, object });
  }

  #rememberGone({ uid, resourceVersion = '' }: KubeObject['metadata'], list: Listing): void {
    if (uid === undefined) return;
    this.#gone.set(uid, list.version ?? resourceVersion);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > DELETIONS && oldest !== undefined) this.#gone.delete(oldest);
  }

  /** What was only without our label for a while is back with a later version. */
  #wasGoneAt({ uid, resourceVersion }: Observed): boolean {
    const at = this.#gone.get(uid);
    return at !== undefined && compareVersions(resourceVersion, at) <= 0;
  }
}

function unwatched({ kind }: KindRef, why: string): string {
  return `${kind} cannot be watched: ${why}`;
}

/** Another uid is another object and always news. */
function isOlder(candidate: Observed, known: Observed): boolean {
  if (candidate.uid !== known.uid) return false;
  return compareVersions(candidate.resourceVersion, known.resourceVersion) < 0;
}

async function end(starting: Promise<Watch | null>): Promise<void> {
  const watch = await starting.catch(() => null);
  watch?.stop.abort();
}

async function isStarted(starting: Promise<Watch | null>): Promise<boolean> {
  return starting.then(
    (watch) => watch !== null,
    () => false,
  );
}
