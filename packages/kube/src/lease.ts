import { setTimeout as sleep } from 'node:timers/promises';
import { systemError, type PlumbError } from '@plumb/api';
import { LeaseRecord, type LeaseStore } from './lease-record.ts';

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  /** Milliseconds after which others may take a lease that is not renewed. Must exceed `renewDeadline`. */
  readonly leaseDuration: number;
  /** Milliseconds after which a holder that could not renew stops acting. Must exceed `retryPeriod`. */
  readonly renewDeadline: number;
  /** Milliseconds between tries. */
  readonly retryPeriod: number;
  /** Ends holding: the lease is released. Stop the work it protects before. */
  readonly signal: AbortSignal;
  readonly onAcquired: () => void;
  /** The lease is no longer ours: the work must stop at once. Not called for a release. */
  readonly onLost: (reason: PlumbError) => void;
  /** A clock in milliseconds that never goes back. */
  readonly now?: () => number;
}

const RELEASE_TIMEOUT_MS = 5_000;
const RELEASE_TRIES = 2;

/**
 * Holds a coordination.k8s.io/v1 Lease for the one acting replica (I13), and tries again when it loses it. Every write carries
 * the resourceVersion it was decided on, so that of two candidates one fails.
 * @returns when the signal has aborted and the lease is released.
 */
export async function holdLease(cluster: LeaseStore, options: LeaseOptions): Promise<void> {
  const { leaseDuration, renewDeadline, retryPeriod, signal } = options;
  if (!(leaseDuration > renewDeadline && renewDeadline > retryPeriod && retryPeriod > 0)) {
    throw new RangeError('a lease needs leaseDuration > renewDeadline > retryPeriod > 0');
  }
  const holder = new Holder(cluster, options);
  while (!signal.aborted) {
    await holder.turn();
    await sleep(retryPeriod, undefined, { signal }).catch(() => {});
  }
  await holder.release();
}

class Holder {
  readonly #record: LeaseRecord;
  readonly #options: LeaseOptions;
  readonly #now: () => number;
  #holding = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(cluster: LeaseStore, options: LeaseOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#record = new LeaseRecord(cluster, options, this.#now);
  }

  /** One try to take or renew. A failure changes nothing while the lease is still surely ours: the deadline decides. */
  async turn(): Promise<void> {
    const started = this.#now();
    const { renewDeadline, signal } = this.#options;
    try {
      const ours = await this.#record.takeOrRenew(AbortSignal.any([signal, AbortSignal.timeout(renewDeadline)]));
      if (signal.aborted) return;
      if (ours) this.#held(started);
      else this.#lost(systemError('api-conflict', `the lease ${this.#name()} is held by ${this.#record.holder()}`));
    } catch {
      this.#record.doubt();
    }
  }

  async release(): Promise<void> {
    clearTimeout(this.#deadline);
    this.#holding = false;
    for (let tries = 0; tries < RELEASE_TRIES; tries++) {
      const released = await this.#record.release(AbortSignal.timeout(RELEASE_TIMEOUT_MS)).catch(() => false);
      if (released) return;
    }
  }

  /** What was renewed counts from before the request was sent. An answer that comes past the deadline renews nothing. */
  #held(started: number): void {
    const left = this.#options.renewDeadline - (this.#now() - started);
    if (left <= 0) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#lost(
        systemError('timeout', `the lease ${this.#name()} could not be renewed in ${this.#options.renewDeadline} ms`),
      );
    }, left);
    if (this.#holding) return;
    this.#holding = true;
    this.#options.onAcquired();
  }

  #lost(reason: PlumbError): void {
    clearTimeout(this.#deadline);
    if (!this.#holding) return;
    this.#holding = false;
    this.#options.onLost(reason);
  }

  #name(): string {
    return `${this.#options.namespace}/${this.#options.name}`;
  }
}
