import type { JsonObject, KindRef } from '@plumb/api';
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
  /** Of which object: one of the same name that is made anew has a status of its own. */
  uid: string | undefined;
  /** Somebody waits for it before going on. */
  urgent: boolean;
  writing: Promise<boolean> | null;
  /** The object is another replica's: what is not sent yet never is. */
  dropped: boolean;
}

/** A status on its way to the server. */
interface Draft {
  status: JsonObject;
  /** What it changes of what stood when it was first tried: what others change meanwhile stays. */
  change: JsonObject | null;
  /** The version it was tried on last. */
  version: string;
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
    // After a restore of the server what was to be written comes of what is lost now, its inventory too.
    options.objects.listenRewound(() => [...this.#slots.keys()].forEach((id) => this.drop(id)));
  }

  /**
   * Resolves when this status, or a later one, is at the server; or when the object is gone or the agent stops. An urgent one does not
   * queue behind the others. @returns whether the server has it
   */
  write(id: string, status: JsonObject, options: { urgent?: boolean } = {}): Promise<boolean> {
    const { uid } = this.#objects.get(id)?.metadata ?? {};
    const slot = this.#slots.get(id) ?? { wanted: status, uid, urgent: false, writing: null, dropped: false };
    slot.wanted = status;
    slot.uid = uid;
    slot.urgent = options.urgent ?? false;
    this.#slots.set(id, slot);
    this.#objects.overlay(id, status);
    slot.writing ??= this.#drain(id, slot);
    return slot.writing;
  }

  /** The object is another replica's now, or what was to be written holds no more. */
  drop(id: string): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) slot.dropped = true;
    this.#slots.delete(id);
    this.#objects.dropOverlay(id);
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
        saved = await this.#sendLast(id, sent, slot);
      }
      return saved;
    } finally {
      if (!slot.dropped) this.#slots.delete(id);
    }
  }

  /** @throws what the server refused, unless it is overtaken already: the next one may pass */
  async #sendLast(id: string, status: JsonObject, slot: Slot): Promise<boolean> {
    const isLast = (): boolean => slot.wanted === status && !slot.dropped;
    try {
      return await this.#send(id, status, slot);
    } catch (error) {
      if (isLast()) throw error;
      return false;
    } finally {
      // It is written, or never will be.
      if (isLast()) this.#objects.dropOverlay(id);
    }
  }

  /** @returns whether the server has the status; not when it is overtaken, the object is gone or another replica's, or the agent stops */
  async #send(id: string, status: JsonObject, slot: Slot): Promise<boolean> {
    const draft: Draft = { status, change: null, version: '' };
    const isWanted = (): boolean => slot.wanted === status && !slot.dropped && !this.#signal.aborted;
    for (let wait = FIRST_RETRY; isWanted(); wait = Math.min(wait * 2, LAST_RETRY)) {
      try {
        const attempt = (background: boolean): Promise<boolean> => this.#attempt(id, draft, slot, background);
        return await (slot.urgent ? attempt(false) : this.#limit.run(() => attempt(true)));
      } catch (thrown) {
        const error = asPlumbError(thrown);
        if (error.code === 'api-not-found' || error.code === 'cancelled') break;
        if (error.code === 'api-invalid') throw error;
        // A watch in step shows within the wait what came between; only where it does not is the object read.
        const read = wait > FIRST_RETRY;
        if (error.code === 'api-conflict' && (await this.#isOvertaken(id, draft, read))) continue;
        await sleep(this.#clock, Math.max(error.retryAfter ?? 0, wait));
      }
    }
    return false;
  }

  /**
   * The patch names the version it was made of: one that is held up on its way until another replica has written is refused.
   * @returns whether the server has the status; not when the object is gone or another replica's
   */
  async #attempt(id: string, draft: Draft, slot: Slot, background: boolean): Promise<boolean> {
    const object = this.#objects.get(id);
    if (object === undefined || object.metadata.uid !== slot.uid || slot.dropped) return false;
    const change = mergePatch((this.#objects.served(id) ?? {}) as JsonObject, draft.status);
    if (change === null) return true;
    draft.change ??= change;
    draft.version = object.metadata.resourceVersion ?? '';
    const cluster = this.#cluster(id);
    if (cluster === null) return false;
    const key = { ...this.#kind, ...parseObjectId(id) };
    const patch = { metadata: { resourceVersion: draft.version }, status: draft.change };
    const written = await (background ? cluster.withPriority('background') : cluster).patch(key, patch, {
      type: 'merge',
      subresource: 'status',
      fieldManager: this.#manager,
      signal: this.#signal,
    });
    if (slot.dropped) return false;
    this.#objects.note(written);
    return true;
  }

  /** Somebody has written the object: the watch has shown that, or it may be read. @returns whether a later state is known now */
  async #isOvertaken(id: string, { version }: Draft, read: boolean): Promise<boolean> {
    const isLater = (): boolean => {
      const { resourceVersion = '' } = this.#objects.get(id)?.metadata ?? {};
      return compareVersions(resourceVersion, version) > 0;
    };
    if (read && !isLater()) await this.#objects.refresh(id, this.#signal).catch(() => undefined);
    return isLater();
  }
}
