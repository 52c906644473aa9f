import { PlumbError, systemError } from '@plumb/api';
import type { Cluster, Guard } from '@plumb/kube';
import { ClaimedCluster } from './claimed-cluster.ts';
import type { Claim } from './shards.ts';

/** One mutating request, sent through a guard and ended by a signal. */
export type Send<T> = (guard: Guard, signal: AbortSignal) => Promise<T>;

export interface ClaimsOptions {
  cluster: Cluster;
  /** Whether requests may be sent now, and for how many milliseconds one may last at the server; throws when not. */
  fence: Guard;
  /** The last work on what was given up has ended. */
  onDrained: () => void;
}

/**
 * The leaves given to work on units, each with what is under way for it. A leave that is taken back sends nothing more; it has ended when all it
 * sent is answered, or cannot be carried out any more.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #claims = new Map<string, UnitClaim>();

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** Whether work goes on that was to end. */
  get isDraining(): boolean {
    return this.#claims.values().some((claim) => claim.isOver);
  }

  isFree(id: string): boolean {
    return this.#claims.get(id)?.isOver !== true;
  }

  /** @returns null while an earlier leave has not ended */
  take(id: string): Claim | null {
    const known = this.#claims.get(id);
    if (known !== undefined) return known.isOver ? null : known;
    const claim = new UnitClaim(this.#options.cluster, this.#options.fence, () => this.#ended(id));
    this.#claims.set(id, claim);
    return claim;
  }

  /** Takes back every leave for which `keeps` is false. */
  takeBack(keeps: (id: string) => boolean): void {
    for (const [id, claim] of this.#claims) if (!keeps(id)) claim.end();
  }

  /** The lease is lost: even what is under way is cut off. */
  cut(): void {
    for (const claim of this.#claims.values()) claim.cut();
  }

  #ended(id: string): void {
    const wasGivenUp = this.#claims.get(id)?.isOver === true;
    this.#claims.delete(id);
    if (wasGivenUp) this.#options.onDrained();
  }
}

class UnitClaim implements Claim {
  readonly cluster: Cluster;
  readonly #fence: Guard;
  readonly #onEnd: () => void;
  readonly #over = new AbortController();
  readonly #cut = new AbortController();
  #active = 0;
  #ended = false;

  constructor(cluster: Cluster, fence: Guard, onEnd: () => void) {
    this.cluster = this.over(cluster);
    this.#fence = fence;
    this.#onEnd = onEnd;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  over(cluster: Cluster): Cluster {
    return new ClaimedCluster(cluster, (signal, send) => this.#mutate(signal, send));
  }

  end(): void {
    this.#over.abort();
    if (this.#active === 0) this.#finish();
  }

  cut(): void {
    this.end();
    this.#cut.abort();
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#active += 1;
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** A caller who leaves takes a request that waits along with him; one that was sent is awaited. */
  async #mutate<T>(signal: AbortSignal | undefined, send: Send<T>): Promise<T> {
    const own = new AbortController();
    let openUntil: number | null = null;
    let tries = 0;
    // An answer to a later try says nothing of an earlier one that was cut off.
    const answered = (): void => {
      if (tries === 1) openUntil = null;
    };
    const leave = (): void => {
      if (openUntil === null) own.abort();
    };
    const cut = (): void => own.abort();
    const guard = (): number => {
      this.#check(signal);
      const most = this.#fence();
      openUntil = performance.now() + most;
      tries += 1;
      return most;
    };
    this.#check(signal);
    const listening = new AbortController();
    const once = { once: true, signal: listening.signal };
    signal?.addEventListener('abort', leave, once);
    this.#over.signal.addEventListener('abort', leave, once);
    this.#cut.signal.addEventListener('abort', cut, once);
    this.#active += 1;
    try {
      const answer = await send(guard, own.signal);
      answered();
      return answer;
    } catch (error) {
      if (error instanceof PlumbError && error.status !== undefined) answered();
      throw error;
    } finally {
      listening.abort();
      this.#leaveAt(openUntil);
    }
  }

  /** Without an answer it may still be carried out, until the server itself ends it. */
  #leaveAt(openUntil: number | null): void {
    const wait = openUntil === null ? 0 : openUntil - performance.now();
    if (wait <= 0) this.#leave();
    else setTimeout(() => this.#leave(), wait).unref();
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.isOver || this.#ended) throw systemError('cancelled', 'the unit belongs to another replica now');
    if (signal?.aborted === true) throw systemError('cancelled', 'the run was cancelled');
  }

  #leave(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
  }
}
