import { createHash } from 'node:crypto';
import type { KubeObject } from '@plumb/api';
import { asPlumbError } from '@plumb/api';
import { backoffDelay } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';

/** What people are told about one object: a core Event in its namespace. */
export interface EventRecord {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** Put on the Event as annotations, as Flux does with an event's metadata. */
  annotations?: Record<string, string>;
  /** It is a line of the log, and no Event. */
  logOnly?: true;
}

interface Sent {
  name: string;
  namespace: string;
  count: number;
  at: number;
}

/** Equal events within this time are counted on one Event instead of making another. */
const FOLD_WINDOW = 10 * 60_000;
const MESSAGE_LIMIT = 1_024;
const REMEMBERED = 1_000;
/** A name has at most 253 characters; the time and the serial number need some of them. */
const NAME_PART = 230;
/** How often one write is tried, and with how many events waiting none is tried again. */
const TRIES = 5;
const WAITING = 1_000;
const RETRY_DELAYS = { min: 1_000, max: 15_000 };

/**
 * Records core Events. Losing one must never fail the work it tells of: what cannot be written, after some tries where the
 * API server did not answer, is counted and dropped.
 */
export class EventRecorder {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #onDrop: (error: Error) => void;
  readonly #sent = new Map<string, Sent>();
  readonly #pending = new Set<Promise<void>>();
  #serial = 0;

  constructor(options: { cluster: Cluster; clock: Clock; instance: string; onDrop: (error: Error) => void }) {
    this.#cluster = options.cluster;
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#onDrop = options.onDrop;
  }

  record(about: KubeObject, component: string, event: EventRecord): void {
    const sending = this.#send(about, component, event)
      .catch((thrown: unknown) => this.#onDrop(asPlumbError(thrown)))
      .finally(() => this.#pending.delete(sending));
    this.#pending.add(sending);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #send(about: KubeObject, component: string, event: EventRecord): Promise<void> {
    const now = this.#clock.now();
    const fold = foldKey([about.metadata.uid ?? '', component, event.type, event.reason, event.message]);
    const sent = this.#sent.get(fold);
    if (sent !== undefined && now - sent.at < FOLD_WINDOW && (await this.#countUp(sent, now))) return;
    const namespace = about.metadata.namespace ?? 'default';
    const name = `${about.metadata.name.slice(0, NAME_PART)}.${now.toString(16)}${(this.#serial++ % 4096).toString(16).padStart(3, '0')}`;
    await this.#create(this.#body(about, component, event, { name, namespace, now }));
    this.#remember(fold, { name, namespace, count: 1, at: now });
  }

  async #create(body: KubeObject): Promise<void> {
    let tried = 0;
    await this.#insistently(async () => {
      tried += 1;
      try {
        await this.#cluster.create(body);
      } catch (thrown) {
        // The name is this recorder's own: an earlier try was carried out, and only its answer lost.
        if (tried === 1 || asPlumbError(thrown).code !== 'api-conflict') throw thrown;
      }
    });
  }

  async #insistently(write: () => Promise<unknown>): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await write();
        return;
      } catch (thrown) {
        const { code } = asPlumbError(thrown);
        const isUnheard = code === 'api-unavailable' || code === 'timeout';
        if (!isUnheard || failures === TRIES || this.#pending.size > WAITING) throw thrown;
        await sleep(this.#clock, backoffDelay(failures, this.#clock.random(), RETRY_DELAYS));
      }
    }
  }

  /** @returns false when the Event is not there any more: events are kept for an hour, or less */
  async #countUp(sent: Sent, now: number): Promise<boolean> {
    sent.count += 1;
    sent.at = now;
    const key = { group: '', version: 'v1', kind: 'Event', namespace: sent.namespace, name: sent.name };
    const last = seconds(this.#clock.time());
    try {
      // More may have been counted meanwhile.
      await this.#insistently(() =>
        this.#cluster.patch(key, { count: sent.count, lastTimestamp: last }, { type: 'merge' }),
      );
      return true;
    } catch (thrown) {
      if (asPlumbError(thrown).code !== 'api-not-found') throw thrown;
      return false;
    }
  }

  #remember(fold: string, sent: Sent): void {
    this.#sent.set(fold, sent);
    if (this.#sent.size <= REMEMBERED) return;
    const oldest = this.#sent.keys().next().value;
    if (oldest !== undefined) this.#sent.delete(oldest);
  }

  #body(
    about: KubeObject,
    component: string,
    event: EventRecord,
    place: { name: string; namespace: string; now: number },
  ): KubeObject {
    const { apiVersion, kind, metadata } = about;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: place.name,
        namespace: place.namespace,
        ...(event.annotations === undefined ? {} : { annotations: event.annotations }),
      },
      involvedObject: {
        apiVersion,
        kind,
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      },
      type: event.type,
      reason: event.reason,
      message: event.message.length > MESSAGE_LIMIT ? `${event.message.slice(0, MESSAGE_LIMIT - 3)}...` : event.message,
      source: { component },
      reportingComponent: component,
      reportingInstance: this.#instance,
      firstTimestamp: seconds(this.#clock.time()),
      lastTimestamp: seconds(this.#clock.time()),
      count: 1,
    };
  }
}

/** Equal events, equal keys; a message may list thousands of objects, and is not kept. */
function foldKey(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u0000')).digest('base64');
}

/** metav1.Time has whole seconds. */
function seconds(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`;
}
