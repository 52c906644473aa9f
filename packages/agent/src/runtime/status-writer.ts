import type { JsonObject, KindRef, KubeObject } from '@plumb/api';
import { asPlumbError } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { FluxObjects } from './flux-objects.ts';
import { parseObjectId } from './flux-objects.ts';
import type { Limit } from './limit.ts';
import { mergePatch } from './merge-patch.ts';
import { compareVersions } from './versions.ts';

interface Slot {
  wanted: JsonObject;
  /** Somebody waits for it before going on. */
  urgent: boolean;
  writing: Promise<boolean> | null;
  /** The object is another replica's: what is not sent yet never is. */
  dropped: boolean;
}

/** A status, and the version of its object that has it. */
interface Written {
  resourceVersion: string;
  status: JsonObject;
}

const FIRST_RETRY = 250;
const LAST_RETRY = 15_000;

/**
 * The one place that writes status. It sends only what differs from what the server has, one write at a time per object; a status that is
 * replaced before it was sent is never sent. It keeps trying while the API server is away, without adding load.
 */
export class StatusWriter {
  readonly #cluster: (id: string) => Cluster | null;
  readonly #objects: FluxObjects;
  readonly #kind: KindRef;
  readonly #manager: string;
  readonly #clock: Clock;
  readonly #limit: Limit;
  readonly #slots = new Map<string, Slot>();
  readonly #signal: AbortSignal;
  /** Our last write of each object, until the watch has shown it. */
  readonly #known = new Map<string, Written>();

  constructor(options: {
    /** What an object's status may be written through now; null: it is not ours. */
    cluster: (id: string) => Cluster | null;
    objects: FluxObjects;
    kind: KindRef;
    fieldManager: string;
    clock: Clock;
    /** Shared by all writers of the agent. */
    limit: Limit;
    signal: AbortSignal;
  }) {
    this.#cluster = options.cluster;
    this.#objects = options.objects;
    this.#kind = options.kind;
    this.#manager = options.fieldManager;
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#signal = options.signal;
    options.objects.listenRewound(() => this.#known.clear());
  }

  /**
   * Resolves when this status, or a later one, is at the server; or when the object is gone or the agent stops. An urgent one does not
   * queue behind the others. @returns whether the server has it
   */
  write(id: string, status: JsonObject, options: { urgent?: boolean } = {}): Promise<boolean> {
    const slot = this.#slots.get(id) ?? { wanted: status, urgent: false, writing: null, dropped: false };
    slot.wanted = status;
    slot.urgent = options.urgent ?? false;
    this.#slots.set(id, slot);
    this.#objects.overlay(id, status);
    slot.writing ??= this.#drain(id, slot);
    return slot.writing;
  }

  /** The object is another replica's now. */
  drop(id: string): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) slot.dropped = true;
    this.#slots.delete(id);
    this.#takeBack(id);
  }

  /** Resolves when nothing is left to write. */
  async flush(): Promise<void> {
    await Promise.all([...this.#slots.values()].map((slot) => slot.writing));
  }

  async #drain(id: string, slot: Slot): Promise<boolean> {
    let saved = false;
    try {
      for (let sent: JsonObject | null = null; sent !== slot.wanted && !slot.dropped && !this.#signal.aborted;) {
        sent = slot.wanted;
        saved = await this.#send(id, sent, slot).catch((error: unknown) => {
          // Refused, but overtaken already: the next one may pass.
          if (slot.wanted !== sent || slot.dropped) return false;
          this.#takeBack(id);
          throw error;
        });
      }
      return saved;
    } finally {
      if (!slot.dropped) this.#slots.delete(id);
    }
  }

  /** @returns whether the server has the status; not when the object is gone or another replica's, or the agent stops */
  async #send(id: string, status: JsonObject, slot: Slot): Promise<boolean> {
    for (let wait = FIRST_RETRY; !this.#signal.aborted && !slot.dropped; wait = Math.min(wait * 2, LAST_RETRY)) {
      const object = this.#objects.get(id);
      if (object === undefined) return false;
      const base = this.#base(id, object);
      try {
        const sent = await this.#sendOn(base, id, status, slot);
        if (slot.dropped) return false;
        if (!sent) break;
        return true;
      } catch (thrown) {
        const error = asPlumbError(thrown);
        if (error.code === 'api-not-found' || error.code === 'cancelled') break;
        if (error.code === 'api-invalid') throw error;
        if (error.code === 'api-conflict' && (await this.#isOvertaken(id, base.resourceVersion))) continue;
        await sleep(this.#clock, Math.max(error.retryAfter ?? 0, wait));
      }
    }
    if (!slot.dropped) this.#takeBack(id);
    return false;
  }

  /**
   * The patch names the version it was made of: one that is held up on its way until another replica has written is refused.
   * @returns whether the server has the status; not when the object is another replica's
   */
  async #sendOn(base: Written, id: string, status: JsonObject, slot: Slot): Promise<boolean> {
    let { resourceVersion } = base;
    const patch = mergePatch(base.status, status);
    if (patch !== null) {
      const written = await this.#patch(id, { metadata: { resourceVersion }, status: patch }, slot);
      if (written === null || slot.dropped) return false;
      resourceVersion = written.metadata.resourceVersion ?? '';
      this.#known.set(id, { resourceVersion, status });
    }
    this.#objects.settleOverlay(id, resourceVersion);
    return true;
  }

  /** Somebody has written the object: the watch has shown that, or it is read. @returns whether more than this version is known now */
  async #isOvertaken(id: string, resourceVersion: string): Promise<boolean> {
    const known = (): string => this.#objects.get(id)?.metadata.resourceVersion ?? '';
    const isLater = (): boolean => compareVersions(known(), resourceVersion) > 0;
    if (!isLater()) await this.#objects.refresh(id).catch(() => undefined);
    return isLater();
  }

  /** What the server has: our own last write where there is one, for the watch may be behind it. */
  #base(id: string, object: KubeObject): Written {
    const known = this.#known.get(id);
    const resourceVersion = object.metadata.resourceVersion ?? '';
    if (known !== undefined && compareVersions(resourceVersion, known.resourceVersion) < 0) return known;
    this.#known.delete(id);
    return { resourceVersion, status: (this.#objects.served(id) ?? {}) as JsonObject };
  }

  /** What was to be written is not: our last write stands again, or what the watch shows. */
  #takeBack(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return this.#objects.dropOverlay(id);
    this.#objects.overlay(id, known.status);
    this.#objects.settleOverlay(id, known.resourceVersion);
  }

  /** @returns null when the object is another replica's */
  async #patch(id: string, patch: JsonObject, slot: Slot): Promise<KubeObject | null> {
    const key = { ...this.#kind, ...parseObjectId(id) };
    const options = {
      type: 'merge',
      subresource: 'status',
      fieldManager: this.#manager,
      signal: this.#signal,
    } as const;
    const send = async (background: boolean): Promise<KubeObject | null> => {
      const cluster = this.#cluster(id);
      const via = background ? cluster?.withPriority('background') : cluster;
      return via?.patch(key, patch, options) ?? null;
    };
    return slot.urgent ? send(false) : this.#limit.run(() => send(true));
  }
}
