import type { Load, Priority } from '../cluster.ts';
import { Pace, type Outcome, type PaceClock } from './pace.ts';
import { Queues, type Waiter } from './queues.ts';

const SYSTEM: PaceClock = { now: () => performance.now(), random: () => Math.random() };

/**
 * The places for requests in flight to one API server (I12): as many as its answers allow, given by priority. Background work
 * never takes more than half of them, so that what is urgent finds one at once.
 */
export class RequestWindow {
  readonly #pace: Pace;
  readonly #queues = new Queues();
  #inFlight = 0;
  #inBackground = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(most: number, clock: PaceClock = SYSTEM) {
    this.#pace = new Pace(most, clock);
  }

  get limit(): number {
    return this.#pace.limit;
  }

  get load(): Load {
    const waiting = {
      emergency: this.#queues.waiting('emergency'),
      drift: this.#queues.waiting('drift'),
      request: this.#queues.waiting('request'),
      background: this.#queues.waiting('background'),
    };
    return { window: this.limit, inFlight: this.#inFlight, waiting };
  }

  /** Times in a row the server had to be given rest, with no good answer since. */
  get squeezes(): number {
    return this.#pace.squeezes;
  }

  /** Takes a place when one is free and nobody waits. */
  tryEnter(priority: Priority): boolean {
    const free = this.#queues.size === 0 && this.#isOpen() && this.#isEligible(priority);
    if (free) this.#enter(priority);
    return free;
  }

  /** Resolves when a place is free and it is this one's turn. Rejects with the signal's reason when it aborts before. */
  enter(priority: Priority, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      this.#queues.remove(waiter);
      reject(signal?.reason);
    };
    const waiter: Waiter = {
      priority,
      admit: () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#queues.add(waiter);
    this.#admit();
    return promise;
  }

  leave(priority: Priority): void {
    this.#inFlight -= 1;
    if (priority === 'background') this.#inBackground -= 1;
    this.#admit();
  }

  learn(outcome: Outcome): void {
    this.#pace.learn(outcome, this.#inFlight * 2 >= this.limit);
  }

  /** Milliseconds until anything may be sent. */
  get hold(): number {
    return this.#pace.hold;
  }

  /** Gives no more places until `open`: there is no server to send to. */
  shut(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    this.#pace.startAnew();
    this.#admit();
  }

  #isOpen(): boolean {
    return !this.#closed && this.#inFlight < this.limit && this.#pace.hold === 0;
  }

  #isEligible(priority: Priority): boolean {
    return priority !== 'background' || this.#inBackground < Math.max(1, Math.floor(this.limit / 2));
  }

  #enter(priority: Priority): void {
    this.#inFlight += 1;
    if (priority === 'background') this.#inBackground += 1;
  }

  #admit(): void {
    while (this.#isOpen()) {
      const next = this.#queues.take((priority) => this.#isEligible(priority));
      if (next === undefined) return;
      this.#enter(next.priority);
      next.admit();
    }
    if (this.#queues.size > 0 && !this.#closed && this.#pace.hold > 0) this.#wakeLater();
  }

  #wakeLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#admit(), Math.ceil(this.#pace.hold));
  }
}
