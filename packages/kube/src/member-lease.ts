import { setTimeout as sleep } from 'node:timers/promises';
import { PlumbError, systemError, type JsonObject, type KubeObject, type ObjectKey } from '@plumb/api';
import type { Cluster } from './cluster.ts';

/** The part of a cluster that a lease needs. */
export type LeaseStore = Pick<Cluster, 'get' | 'create' | 'update' | 'delete'>;

/** How long a lease holds, in milliseconds; `duration` > `renewDeadline` > `renewEvery`. */
export interface LeaseTimes {
  /** After this long without a renewal the others may take over. */
  readonly duration: number;
  /** After this long without a renewal the holder has stopped. */
  readonly renewDeadline: number;
  readonly renewEvery: number;
}

export interface MemberLeaseOptions extends LeaseTimes {
  readonly namespace: string;
  /** Of the Lease. No other process ever writes it. */
  readonly name: string;
  /** Who holds it: never the same twice. */
  readonly holder: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The lease is no longer surely ours: all that it covers must stop at once. Told once, never after a release. */
  readonly onLapse: (reason: PlumbError) => void;
  /** A clock in milliseconds that never goes back. */
  readonly now?: () => number;
}

const RETRY_MS = 500;

/**
 * One coordination.k8s.io/v1 Lease by which a process shows that it lives, and what it tells the others in annotations. It ends with
 * the first lapse: whoever wants to go on takes another, under another name.
 */
export class MemberLease {
  readonly #cluster: LeaseStore;
  readonly #options: MemberLeaseOptions;
  readonly #key: ObjectKey;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  #object: KubeObject | null = null;
  #annotations: Readonly<Record<string, string>> = {};
  /** The moment before the last renewal that was answered was sent. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #deadline: NodeJS.Timeout | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(cluster: LeaseStore, options: MemberLeaseOptions) {
    const { duration, renewDeadline, renewEvery, namespace, name } = options;
    if (!(duration > renewDeadline && renewDeadline > renewEvery && renewEvery > 0)) {
      throw new RangeError('a lease needs duration > renewDeadline > renewEvery > 0');
    }
    this.#cluster = cluster;
    this.#options = options;
    this.#key = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', namespace, name };
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether it is held now, by the clock and not by what a timer has told yet: a process may have been stopped meanwhile. */
  get held(): boolean {
    return !this.#over && this.#now() < this.#renewedAt + this.#options.renewDeadline;
  }

  /** Milliseconds until the others may count it as over. */
  get left(): number {
    return this.#renewedAt + this.#options.duration - this.#now();
  }

  /** Creates the Lease and renews it from then on. @throws PlumbError when it cannot be created */
  async take(): Promise<void> {
    const started = this.#now();
    this.#object = await this.#cluster.create(this.#next(null), { signal: this.#limit() });
    this.#renewed(started);
    if (this.held) void this.#keep();
    else this.#lapse('the answer to its creation came too late');
  }

  /** Writes annotations, and that it lives. Resolves when they are written; rejects when they may or may not be. */
  write(annotations: Readonly<Record<string, string>>): Promise<void> {
    this.#annotations = { ...this.#annotations, ...annotations };
    const turn = this.#writing.then(() => this.#renew());
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  /** Ends it: the others need not wait. Call it when all that it covers has ended. */
  async release(): Promise<void> {
    if (this.#over) return;
    this.#end();
    await this.#writing;
    if (this.#object === null) return;
    const limit = this.#limit();
    try {
      // Said before it goes: a Lease that somebody deletes by hand says nothing of its holder.
      const spec = { ...(this.#object['spec'] as JsonObject), holderIdentity: '' };
      await this.#cluster.update({ ...this.#object, spec }, { signal: limit });
      await this.#cluster.delete(this.#key, { signal: limit });
    } catch {
      // Not heard: the others wait until it is over.
    }
  }

  async #keep(): Promise<void> {
    const { renewEvery } = this.#options;
    const pause = (ms: number): Promise<void> =>
      sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    while (!this.#over) {
      await pause(Math.max(0, this.#renewedAt + renewEvery - this.#now()));
      // What was published meanwhile has renewed it.
      if (this.#over || this.#now() < this.#renewedAt + renewEvery) continue;
      await this.write({}).catch(() => pause(Math.min(RETRY_MS, renewEvery)));
    }
  }

  async #renew(): Promise<void> {
    if (!this.held) {
      this.#lapse('it was not renewed in time');
      throw this.#failure('it is over');
    }
    const started = this.#now();
    await this.#update().catch((error: unknown) => {
      // Somebody noted something on it, or an earlier write of ours was carried out without an answer.
      if (error instanceof PlumbError && error.code === 'api-conflict' && !this.#over) return this.#update();
      throw error;
    });
    if (!this.held) {
      this.#lapse('the answer to its renewal came too late');
      throw this.#failure('it is over');
    }
    this.#renewed(started);
  }

  async #update(): Promise<void> {
    const current = this.#object ?? (await this.#read());
    // Until the answer is in nobody knows whether it was written: what comes next reads first.
    this.#object = null;
    try {
      this.#object = await this.#cluster.update(this.#next(current), { signal: this.#limit() });
    } catch (error) {
      if (error instanceof PlumbError && error.code === 'api-not-found') this.#lapse('somebody deleted it');
      throw error;
    }
  }

  async #read(): Promise<KubeObject> {
    const found = await this.#cluster.get(this.#key, { signal: this.#limit() });
    if (found !== null && holderOf(found) === this.#options.holder) return found;
    const reason = found === null ? 'somebody deleted it' : `'${holderOf(found)}' holds it`;
    this.#lapse(reason);
    throw this.#failure(reason);
  }

  #renewed(started: number): void {
    this.#renewedAt = started;
    clearTimeout(this.#deadline);
    const left = started + this.#options.renewDeadline - this.#now();
    this.#deadline = setTimeout(() => this.#lapse(`it could not be renewed in time`), Math.max(0, left));
  }

  #lapse(reason: string): void {
    if (this.#over) return;
    this.#end();
    this.#options.onLapse(this.#failure(reason));
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#stop.abort();
  }

  #failure(reason: string): PlumbError {
    return systemError('api-conflict', `the lease ${this.#key.namespace}/${this.#key.name} is lost: ${reason}`);
  }

  /** A write that hangs must leave time for another. */
  #limit(): AbortSignal {
    return AbortSignal.timeout(Math.max(1, Math.floor((this.#options.renewDeadline - this.#options.renewEvery) / 2)));
  }

  #next(current: KubeObject | null): KubeObject {
    const { namespace, name, holder, duration, labels } = this.#options;
    const renewTime = microTime();
    const before = (current?.['spec'] ?? { acquireTime: renewTime }) as JsonObject;
    const spec = { ...before, holderIdentity: holder, leaseDurationSeconds: Math.ceil(duration / 1_000), renewTime };
    const metadata = current?.metadata ?? { namespace, name, labels };
    const annotations = { ...metadata.annotations, ...this.#annotations };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...metadata, annotations }, spec };
  }
}

function holderOf(lease: KubeObject): string {
  const holder = ((lease['spec'] ?? {}) as JsonObject)['holderIdentity'];
  return typeof holder === 'string' ? holder : '';
}

/** Kubernetes' MicroTime. Read by people only. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
