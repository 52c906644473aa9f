import { randomBytes } from 'node:crypto';
import type { KindRef, KubeObject } from '@plumb/api';
import type { ShardEvent, ShardState } from '@plumb/core';
import { joinShards, memberId, stepShards } from '@plumb/core';
import type { Cluster, LeaseTimes } from '@plumb/kube';
import { MemberLease, reflect } from '@plumb/kube';
import { MEMBER_LABEL, memberGroup, printView, readMember, Sightings, VIEW_ANNOTATION } from './membership.ts';
import type { MemberSeen } from './membership.ts';

const LEASE: KindRef = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' };
const RETRY = 500;

export interface TermOptions extends LeaseTimes {
  cluster: Cluster;
  namespace: string;
  /** Of the process. */
  name: string;
  /** Of the units that are shared; by default all. */
  labelSelector?: string | undefined;
  /** What this member knows has changed. */
  onChange: () => void;
  /** Another member is gone: it said farewell, or its lease is over. */
  onGone: (member: string, how: 'farewell' | 'expired') => void;
  onLapse: (reason: Error) => void;
  /** Whether work goes on that must end before the next view is published. */
  isDraining: () => boolean;
}

/** One membership, from the writing of its lease to the first moment it is not surely held. Then it is over for good. */
export class MemberTerm {
  readonly id: string;
  readonly lease: MemberLease;
  state: ShardState | null = null;
  readonly #options: TermOptions;
  readonly #group: string;
  readonly #sightings = new Sightings();
  readonly #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #publishing = false;

  constructor(options: TermOptions) {
    const { cluster, namespace, name, onLapse, duration, renewDeadline, renewEvery } = options;
    const term = randomBytes(4).toString('hex');
    this.id = memberId(name, term);
    this.#options = options;
    this.#group = memberGroup(options.labelSelector);
    this.lease = new MemberLease(cluster, {
      namespace,
      duration,
      renewDeadline,
      renewEvery,
      name: `plumb-agent-${labelOf(name)}-${term}`,
      holder: this.id,
      labels: { [MEMBER_LABEL]: this.#group },
      onLapse: (reason) => {
        this.#end();
        onLapse(reason);
      },
    });
  }

  /** Writes the lease, and only then looks who else is there: of two who begin at once, one sees the other (S6 of core's shard-view). */
  async begin(): Promise<void> {
    const { cluster, namespace } = this.#options;
    await cluster.connection.back(this.#stop.signal);
    await this.lease.take();
    const selection = { namespace, labelSelector: `${MEMBER_LABEL}=${this.#group}` };
    const { signal } = this.#stop;
    const { items } = await cluster.list(LEASE, { ...selection, signal });
    if (signal.aborted) return;
    const others = items.flatMap((lease) => this.#other(lease) ?? []);
    for (const other of others) this.#sightings.note(other, performance.now());
    this.state = joinShards(this.id, new Map(others.map(({ id, view }) => [id, view])));
    const sink = {
      upsert: (lease: KubeObject) => this.#see(lease),
      // Deleted without a farewell: its holder may not know yet.
      remove: () => undefined,
      synced: () => undefined,
    };
    this.#watching = reflect(cluster, LEASE, sink, { ...selection, signal }).done();
    this.advance();
  }

  /** Publishes the next view as soon as nothing is under way that must end before. */
  advance(): void {
    if (this.#stop.signal.aborted || this.state === null) return;
    this.#options.onChange();
    this.#awaitSilence();
    if (this.state.next === null || this.#publishing || this.#options.isDraining()) return;
    this.#publishing = true;
    this.#step({ type: 'publishing' });
    void this.#publish();
  }

  /** Leaves. With a farewell the others need not wait; without one they wait until the lease is over. */
  async leave(farewell: boolean): Promise<void> {
    this.#end();
    if (farewell) await this.lease.release();
    await this.#watching;
  }

  async #publish(): Promise<void> {
    const view = this.state?.standing.at(-1);
    if (view === undefined) return;
    try {
      await this.lease.write({ [VIEW_ANNOTATION]: printView(view) });
      this.#step({ type: 'published' });
      this.#publishing = false;
      this.advance();
    } catch {
      // Written or not: it binds all the same, and is written again.
      this.#later(() => {
        this.#publishing = false;
        this.advance();
      });
    }
  }

  #step(event: ShardEvent): void {
    if (this.state !== null) this.state = stepShards(this.state, event);
  }

  #other(lease: KubeObject): (MemberSeen & { id: string }) | null {
    const seen = readMember(lease);
    return seen === null || seen.id === null || seen.id === this.id ? null : { ...seen, id: seen.id };
  }

  #see(lease: KubeObject): void {
    const seen = readMember(lease);
    if (seen !== null && seen.id === null) return this.#drop(seen.lease, 'farewell');
    const other = this.#other(lease);
    if (other === null || !this.#sightings.note(other, performance.now())) return;
    this.#step({ type: 'seen', member: other.id, view: other.view });
    this.advance();
  }

  #drop(lease: string, how: 'farewell' | 'expired'): void {
    const member = this.#sightings.forget(lease);
    if (member === null) return;
    this.#step({ type: 'gone', member });
    this.#options.onGone(member, how);
    this.advance();
  }

  #awaitSilence(): void {
    clearTimeout(this.#timer);
    const wait = this.#sightings.untilNext(performance.now());
    if (wait !== null) this.#timer = setTimeout(() => void this.#confirm(), Math.ceil(wait));
  }

  /** A silent watch is no proof: a lease that reads the same after its whole term is over, and only such a one. */
  async #confirm(): Promise<void> {
    const { cluster, namespace } = this.#options;
    for (const { lease, version } of this.#sightings.silent(performance.now())) {
      const key = { ...LEASE, namespace, name: lease };
      try {
        const found = await cluster.get(key, { signal: this.#stop.signal });
        if (this.#stop.signal.aborted) return;
        if (found !== null && found.metadata.resourceVersion !== version) this.#see(found);
        else this.#bury(lease, found);
      } catch {
        if (!this.#stop.signal.aborted) this.#later(() => this.#awaitSilence());
        return;
      }
    }
    this.#awaitSilence();
  }

  /** One of those who remain clears the lease away; not when it was renewed at the last moment. */
  #bury(lease: string, found: KubeObject | null): void {
    this.#drop(lease, 'expired');
    const first = [this.id, ...(this.state?.others.keys() ?? [])].sort()[0];
    if (found === null || first !== this.id) return;
    const { uid = '', resourceVersion = '' } = found.metadata;
    const key = { ...LEASE, namespace: this.#options.namespace, name: lease };
    this.#options.cluster.delete(key, { preconditions: { uid, resourceVersion } }).catch(() => undefined);
  }

  #later(work: () => void): void {
    const { signal } = this.#stop;
    setTimeout(() => {
      if (!signal.aborted) work();
    }, RETRY).unref();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }
}

/** A part of an object's name: what a host's name may hold beyond that is left out. */
function labelOf(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
  return plain.slice(0, 180).replaceAll(/^-+|-+$/g, '') || 'agent';
}
