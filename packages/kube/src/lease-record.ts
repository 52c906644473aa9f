import { printJson, type JsonObject, type KubeObject, type ObjectKey } from '@plumb/api';
import type { Cluster } from './cluster.ts';
import type { LeaseOptions } from './lease.ts';

/** The part of a cluster that a lease needs. */
export type LeaseStore = Pick<Cluster, 'get' | 'create' | 'update'>;

/** What was last read, and when it was last seen to change, by our own clock: the clocks of others are not trusted. */
interface Sighting {
  readonly object: KubeObject;
  readonly spec: string;
  readonly changedAt: number;
}

/** Reads and writes one Lease on behalf of one identity. */
export class LeaseRecord {
  readonly #cluster: LeaseStore;
  readonly #options: LeaseOptions;
  readonly #key: ObjectKey;
  readonly #now: () => number;
  #sighting: Sighting | undefined;
  /** The last write was ours and answered: the next one needs no read before. */
  #fresh = false;

  constructor(cluster: LeaseStore, options: LeaseOptions, now: () => number) {
    this.#cluster = cluster;
    this.#options = options;
    this.#now = now;
    const { namespace, name } = options;
    this.#key = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', namespace, name };
  }

  holder(): string {
    return holderOf(this.#sighting?.object) || 'nobody';
  }

  /** @returns false when another identity holds the lease and its time is not over. */
  async takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const current = this.#fresh ? this.#sighting?.object : await this.#read(signal);
    if (current === undefined) {
      this.#see(await this.#cluster.create(this.#written(undefined), { signal }));
    } else {
      if (this.#isOthers(current)) return false;
      this.#see(await this.#cluster.update(this.#written(current), { signal }));
    }
    this.#fresh = true;
    return true;
  }

  /** A write failed: it may have been carried out all the same, or another identity was faster. Read before the next one. */
  doubt(): void {
    this.#fresh = false;
  }

  /** @returns true when the lease is surely not ours any more. */
  async release(signal: AbortSignal): Promise<boolean> {
    const current = await this.#read(signal);
    if (current === undefined || holderOf(current) !== this.#options.identity) return true;
    const spec = { ...specOf(current), holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
    await this.#cluster.update({ ...current, spec }, { signal });
    return true;
  }

  async #read(signal: AbortSignal): Promise<KubeObject | undefined> {
    const object = await this.#cluster.get(this.#key, { signal });
    if (object !== null) this.#see(object);
    return object ?? undefined;
  }

  #see(object: KubeObject): void {
    const spec = printJson(object['spec'] ?? {});
    const changedAt = this.#sighting?.spec === spec ? this.#sighting.changedAt : this.#now();
    this.#sighting = { object, spec, changedAt };
  }

  #isOthers(object: KubeObject): boolean {
    const holder = holderOf(object);
    if (holder === '' || holder === this.#options.identity) return false;
    const seconds = specOf(object)['leaseDurationSeconds'];
    const duration = typeof seconds === 'number' ? seconds * 1_000 : this.#options.leaseDuration;
    return this.#now() < (this.#sighting?.changedAt ?? 0) + duration;
  }

  #written(current: KubeObject | undefined): KubeObject {
    const { namespace, name, identity, leaseDuration } = this.#options;
    const before = specOf(current);
    const renewTime = microTime();
    const same = before['holderIdentity'] === identity;
    const transitions = typeof before['leaseTransitions'] === 'number' ? before['leaseTransitions'] : 0;
    const spec: JsonObject = {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDuration / 1_000),
      acquireTime: same ? (before['acquireTime'] ?? renewTime) : renewTime,
      renewTime,
      leaseTransitions: same || current === undefined ? transitions : transitions + 1,
    };
    if (current !== undefined) return { ...current, spec };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
  }
}

function holderOf(object: KubeObject | undefined): string {
  const holder = specOf(object)['holderIdentity'];
  return typeof holder === 'string' ? holder : '';
}

function specOf(object: KubeObject | undefined): JsonObject {
  return (object?.['spec'] ?? {}) as JsonObject;
}

/** Kubernetes' MicroTime. Read by people only. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
