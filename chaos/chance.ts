import { seededRandom } from '@plumb/testkit';

/** Decisions that a seed repeats. */
export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  /** An integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.#next() * below);
  }

  happens(probability: number): boolean {
    return this.#next() < probability;
  }

  /** One of a list that is not empty. */
  one<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new Error('there is nothing to choose from');
    return found;
  }

  /** One of the names, as often as its weight says. */
  weighted<T extends string>(weights: { readonly [name in T]?: number }): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.#next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    throw new Error('the weights add up to nothing');
  }
}
