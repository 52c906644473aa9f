import type { KindRef, KubeObject } from '@plumb/api';
import { asPlumbError } from '@plumb/api';
import type { Cluster, ReflectorOptions } from '@plumb/kube';
import type { Clock } from './clock.ts';
import { FluxObjects } from './flux-objects.ts';

/** Whether objects can be looked up: `pending` until the first list is in. */
export type Availability = 'listed' | 'pending' | 'not-served';

/** How often a kind that is not served is looked for: discovery has no watch. Milliseconds. */
const LOOK_AGAIN = 5_000;

/** Without a watch for longer than this, nobody knows what there is. Milliseconds. */
const MOST_GAP = 1_000;

type Listener = (id: string, object: KubeObject | undefined, before: KubeObject | undefined) => void;

/** Objects of a kind that not every cluster serves. It is watched from when somebody first needs it, and only read. */
export class OnDemandObjects {
  readonly kind: KindRef;
  readonly #cluster: Cluster;
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #listeners: Listener[] = [];
  readonly #availabilityListeners: (() => void)[] = [];
  #objects: FluxObjects | null = null;
  #end = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();
  #availability: Availability = 'pending';
  #askedAt: number | null = null;
  /** Pending while what there is is being found out. */
  #started: Promise<void> | null = null;
  #trouble: string | null = null;
  #isBlind = false;
  /** Since when no watch is open: all that there was until then is in view. Null while one is. */
  #closedAt: number | null = null;

  constructor(cluster: Cluster, kind: KindRef, { clock, ...options }: ReflectorOptions & { clock: Clock }) {
    this.#cluster = cluster;
    this.kind = kind;
    this.#clock = clock;
    this.#options = options;
  }

  get availability(): Availability {
    return this.#availability;
  }

  /** What was in view may be looked at no more, or no watch shows what becomes of it: nobody knows what there is now. */
  get isBlind(): boolean {
    return this.#isBlind || (this.#closedAt !== null && this.#clock.now() > this.#closedAt + MOST_GAP);
  }

  /** What keeps the first list away, or the last interruption was; null: nothing that is known. */
  get trouble(): string | null {
    return this.#trouble;
  }

  get(id: string): KubeObject | undefined {
    return this.#objects?.get(id);
  }

  /** All that are in view. */
  all(): KubeObject[] {
    const objects = this.#objects;
    return objects === null
      ? []
      : Array.from(objects.ids(), (id) => objects.get(id)).filter((one) => one !== undefined);
  }

  /** Takes in what the server answered to a write of an object in view. */
  note(object: KubeObject): void {
    this.#objects?.note(object);
  }

  /** As `need`; resolves when it is known what there is, or that it cannot be told within some milliseconds. */
  async known(within: number): Promise<void> {
    this.need();
    if (this.#started === null) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(within, late.resolve);
    await Promise.race([this.#started, late.promise]);
    cancel();
  }

  version(id: string): string {
    return this.#objects?.version(id) ?? '';
  }

  /** Called on each change of an object. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Called when `availability` has changed. */
  listenAvailability(listener: () => void): void {
    this.#availabilityListeners.push(listener);
  }

  /** Somebody needs the objects: starts the watch, unless there is one. */
  need(): void {
    const now = this.#clock.now();
    if (this.#objects !== null || (this.#askedAt !== null && now < this.#askedAt + LOOK_AGAIN)) return;
    this.#askedAt = now;
    const started = this.#start().finally(() => {
      if (this.#started === started) this.#started = null;
    });
    this.#started = started;
  }

  /** Nobody needs them any more: ends the watch until somebody does again. */
  rest(): void {
    if (this.#objects === null) return;
    this.#end.abort();
    this.#end = new AbortController();
    this.#ended = Promise.all([this.#ended, this.#objects.done()]);
    this.#objects = null;
    this.#askedAt = null;
    this.#trouble = null;
    this.#isBlind = false;
    this.#closedAt = null;
    this.#availability = 'pending';
  }

  async done(): Promise<void> {
    await Promise.all([this.#ended, this.#objects?.done()]);
  }

  async #start(): Promise<void> {
    const { signal: end } = this.#end;
    try {
      const resource = await this.#cluster.resource(this.kind);
      if (this.#options.signal.aborted || this.#objects !== null) return;
      this.#trouble = null;
      if (resource === null) return this.#become('not-served');
      this.#become('pending');
      await this.#watch(end);
      if (!end.aborted) this.#become('listed');
    } catch (error) {
      if (!end.aborted) this.#trouble = asPlumbError(error).message;
    }
  }

  async #watch(end: AbortSignal): Promise<void> {
    const onInterruption = (error: unknown): void => {
      const { code, message } = asPlumbError(error);
      this.#trouble = message;
      if (code === 'api-forbidden') this.#lookAnew();
    };
    const onSight = (isOpen: boolean): void => {
      if (end.aborted) return;
      if (isOpen && this.isBlind) this.#lookAnew();
      this.#closedAt = isOpen ? null : (this.#closedAt ?? this.#clock.now());
    };
    const signal = AbortSignal.any([this.#options.signal, end]);
    this.#objects = new FluxObjects(this.#cluster, this.kind, { ...this.#options, signal, onInterruption, onSight });
    this.#objects.listen((id, object, before) => {
      for (const listener of this.#listeners) listener(id, object, before);
    });
    this.#objects.listenListed(() => {
      this.#trouble = null;
      this.#isBlind = false;
      this.#closedAt = this.#clock.now();
    });
    await this.#objects.ready();
  }

  /** What was missed meanwhile only a list tells. */
  #lookAnew(): void {
    if (this.#isBlind) return;
    this.#isBlind = true;
    this.#objects?.doubt();
  }

  #become(availability: Availability): void {
    if (availability === this.#availability) return;
    this.#availability = availability;
    for (const listener of this.#availabilityListeners) listener();
  }
}
