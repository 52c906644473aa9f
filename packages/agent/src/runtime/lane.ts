/** A key that waits: the higher the priority, the sooner its turn. */
export interface Waiting {
  priority: number;
  /** Milliseconds. */
  since: number;
}

const PRIORITIES = 3;

/** Keys that wait for the same workers, by priority and then in the order they came. */
export class Lane {
  /** Keys of this lane in the hands of a worker. */
  running = 0;
  readonly #levels: Map<string, Waiting>[] = Array.from({ length: PRIORITIES }, () => new Map());

  get isEmpty(): boolean {
    return this.#levels.every((level) => level.size === 0);
  }

  /** Since when the one that has waited longest has; undefined when none waits. */
  get oldest(): number | undefined {
    const firsts = this.#levels.flatMap((level) => level.values().next().value?.since ?? []);
    return firsts.length === 0 ? undefined : Math.min(...firsts);
  }

  get(key: string): Waiting | undefined {
    return this.#levels.map((level) => level.get(key)).find((waiting) => waiting !== undefined);
  }

  put(key: string, waiting: Waiting): void {
    this.#levels[waiting.priority]?.set(key, waiting);
  }

  drop(key: string): void {
    for (const level of this.#levels) level.delete(key);
  }

  /** Takes the next key out. */
  next(): string | undefined {
    const level = this.#levels.findLast((candidate) => candidate.size > 0);
    const key = level?.keys().next().value;
    if (key !== undefined) level?.delete(key);
    return key;
  }

  clear(): void {
    for (const level of this.#levels) level.clear();
  }
}
