import { PRIORITIES, type Priority } from '../cluster.ts';

/** One who waits for a place among the requests in flight. */
export interface Waiter {
  readonly priority: Priority;
  readonly admit: () => void;
}

/** Every so many places one goes to the lowest class that waits, so that status and events are late under load but never stop. */
const SHARE_OF_LOWEST = 8;

/** Who waits, by class: the highest class first, within a class first come first served. */
export class Queues {
  readonly #queues = new Map<Priority, Set<Waiter>>(PRIORITIES.map((priority) => [priority, new Set()]));
  #turn = 0;

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  waiting(priority: Priority): number {
    return this.#of(priority).size;
  }

  add(waiter: Waiter): void {
    this.#of(waiter.priority).add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#of(waiter.priority).delete(waiter);
  }

  /** Takes whose turn it is. `eligible` says which classes may have a place now. */
  take(eligible: (priority: Priority) => boolean): Waiter | undefined {
    const open = PRIORITIES.filter((priority) => this.waiting(priority) > 0 && eligible(priority));
    if (open.length === 0) return undefined;
    this.#turn = (this.#turn + 1) % SHARE_OF_LOWEST;
    const priority = this.#turn === 0 ? open.at(-1) : open[0];
    const [waiter] = priority === undefined ? [] : this.#of(priority);
    if (waiter !== undefined) this.remove(waiter);
    return waiter;
  }

  #of(priority: Priority): Set<Waiter> {
    return this.#queues.get(priority) as Set<Waiter>;
  }
}
