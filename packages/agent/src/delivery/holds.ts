/** Who holds on to which things: a thing that nobody holds any more can go. */
export class Holds {
  readonly #held = new Map<string, Set<string>>();
  /** Holders of each thing. */
  readonly #counts = new Map<string, number>();

  take(holder: string, thing: string): void {
    const held = this.#held.get(holder) ?? new Set();
    if (held.has(thing)) return;
    this.#held.set(holder, held.add(thing));
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1);
  }

  /** The holder holds nothing but what is in `kept` any more. @returns what nobody holds now */
  keepOnly(holder: string, kept: ReadonlySet<string>): string[] {
    const held = this.#held.get(holder) ?? new Set();
    const left = [...held].filter((thing) => !kept.has(thing));
    for (const thing of left) held.delete(thing);
    if (held.size === 0) this.#held.delete(holder);
    return left.filter((thing) => this.#isLast(thing));
  }

  #isLast(thing: string): boolean {
    const others = (this.#counts.get(thing) ?? 1) - 1;
    if (others > 0) this.#counts.set(thing, others);
    else this.#counts.delete(thing);
    return others === 0;
  }
}
