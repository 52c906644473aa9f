import type { UnitRef } from '@plumb/api';
import { systemError } from '@plumb/api';
import type { View } from '@plumb/core';
import { actsOn, isSettled, memberName } from '@plumb/core';
import type { Cluster, LeaseTimes } from '@plumb/kube';
import { Claims } from './claims.ts';
import { MemberTerm } from './member-term.ts';
import type { Metrics } from './metrics.ts';
import type { Claim, Shards } from './shards.ts';
import { unitId } from './shards.ts';

/** What a log is told of the replicas. `members` are those that are agreed, or else live now, this one too. */
export interface MemberNews {
  event: 'joined' | 'agreed' | 'member-left' | 'member-expired' | 'lease-lost';
  member: string;
  members: readonly string[];
}

export interface MembersOptions extends LeaseTimes {
  cluster: Cluster;
  /** Where the leases are. */
  namespace: string;
  /** Of this process. */
  name: string;
  /** Of the units that are shared; by default all. */
  labelSelector?: string | undefined;
  metrics: Metrics;
  onNews: (news: MemberNews) => void;
  onFault: (what: string, error: unknown) => void;
}

/** A new term is begun this long after one could not be, in milliseconds. */
const PAUSE = 1_000;

/**
 * The replicas of an agent, as one of them sees them, and its share of the units (I13). The rules are those of core's shard-view; this is the
 * caller's part of them: leases, what counts as gone, and the end of work on what is lost before that is published.
 */
export class Members implements Shards {
  readonly #options: MembersOptions;
  readonly #claims: Claims;
  readonly #listeners: (() => void)[] = [];
  readonly #agreed = Promise.withResolvers<void>();
  #term: MemberTerm | null = null;
  #closed = false;
  #isSettled = false;
  /** The last that was agreed. */
  #view: View | null = null;
  #hasJoined = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#claims = new Claims({
      cluster: options.cluster,
      fence: () => this.#fence(),
      onDrained: () => this.#term?.advance(),
    });
    const { metrics } = options;
    metrics.gauge('plumb_members', 'Replicas that live, as this one sees them; 0 while it has no lease.', () => {
      return this.#term?.state === null || this.#term === null ? 0 : this.#term.state.others.size + 1;
    });
    metrics.gauge('plumb_members_agreed', 'Whether all replicas are agreed on who they are.', () =>
      Number(this.#isSettled),
    );
  }

  /** Resolves with the first agreement. */
  get agreed(): Promise<void> {
    return this.#agreed.promise;
  }

  /** Whether it has taken part: it acts on its share, or stands by until it has one. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  start(): void {
    const { onFault, ...options } = this.#options;
    const term = new MemberTerm({
      ...options,
      isDraining: () => this.#claims.isDraining,
      onChange: () => this.#changed(),
      onGone: (member, how) => this.#tell(how === 'farewell' ? 'member-left' : 'member-expired', member),
      onLapse: (reason) => this.#lapsed(term, reason),
    });
    this.#term = term;
    term.begin().then(
      () => {
        this.#hasJoined = true;
        this.#tell('joined', term.id);
      },
      (error: unknown) => {
        if (this.#term !== term) return;
        onFault('the lease could not be taken', error);
        void term.leave(true);
        this.#again();
      },
    );
  }

  claim(unit: UnitRef): Claim | null {
    const id = unitId(unit);
    return this.#acts(id) ? this.#claims.take(id) : null;
  }

  owns(unit: UnitRef): boolean {
    const id = unitId(unit);
    return this.#acts(id) && this.#claims.isFree(id);
  }

  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Call it when no work is left: with a farewell the others take over at once. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const term = this.#term;
    this.#claims.takeBack(() => false);
    this.#term = null;
    await term?.leave(!this.#claims.isDraining);
    this.#agreed.resolve();
  }

  #acts(id: string): boolean {
    const term = this.#term;
    return term !== null && term.state !== null && term.lease.held && actsOn(term.state, id);
  }

  /** What is sent now is carried out before the others may count the lease as over, or not at all. */
  #fence(): number {
    const lease = this.#term?.lease;
    if (lease === undefined || !lease.held) {
      throw systemError('cancelled', 'this replica has no lease: another one may act in its place');
    }
    const { duration, renewDeadline } = this.#options;
    return lease.left - (duration - renewDeadline) / 5;
  }

  #changed(): void {
    this.#claims.takeBack((id) => this.#acts(id));
    for (const listener of this.#listeners) listener();
    const state = this.#term?.state ?? null;
    this.#isSettled = state !== null && isSettled(state);
    const view = state?.agreed === true && state.standing.length === 1 ? state.standing[0] : undefined;
    if (state === null || view === undefined || view === this.#view) return;
    this.#view = view;
    this.#agreed.resolve();
    this.#tell('agreed', state.self, view.members);
  }

  #lapsed(term: MemberTerm, reason: Error): void {
    if (this.#term !== term) return;
    this.#options.onFault('the lease is lost: nothing is done until another is held', reason);
    this.#tell('lease-lost', term.id);
    void term.leave(false);
    this.#term = null;
    this.#claims.cut();
    this.#changed();
    this.#again(0);
  }

  #again(pause = PAUSE): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.start(), pause);
  }

  #tell(event: MemberNews['event'], member: string, members = this.#alive()): void {
    this.#options.onNews({ event, member: memberName(member), members: members.map(memberName).sort() });
  }

  #alive(): readonly string[] {
    const state = this.#term?.state ?? null;
    return state === null ? [] : [state.self, ...state.others.keys()];
  }
}
