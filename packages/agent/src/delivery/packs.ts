/** The bodies of one bundle, one after the other, outside the JavaScript heap. Null while they are not in memory. */
export interface Pack {
  bytes: Buffer | null;
  /** Values in them that must not be shown, where there are any. */
  secrets?: readonly string[];
}

/**
 * Bounds what all packs together hold in memory: the one that was not used for longest goes first. What is gone is built again when it is
 * needed. A pack that is held stays.
 */
export class Packs {
  readonly #limit: number;
  /** The least recently used first. */
  readonly #used = new Set<Pack>();
  readonly #holds = new Map<Pack, number>();

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes in memory now. */
  get bytes(): number {
    return this.#used.values().reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  }

  /** Keeps a pack in memory until it is let go of; then the bound holds again. @returns lets go */
  hold(pack: Pack): () => void {
    this.#holds.set(pack, (this.#holds.get(pack) ?? 0) + 1);
    return () => {
      const left = (this.#holds.get(pack) ?? 0) - 1;
      if (left > 0) this.#holds.set(pack, left);
      else this.#holds.delete(pack);
      this.#used.delete(pack);
      if (pack.bytes !== null) this.#used.add(pack);
      this.#shrink();
    };
  }

  /** The bundle is not needed any more. */
  drop(pack: Pack): void {
    this.#used.delete(pack);
    pack.bytes = null;
    delete pack.secrets;
  }

  #shrink(): void {
    let bytes = this.bytes;
    for (const pack of this.#used) {
      if (bytes <= this.#limit) return;
      if (this.#holds.has(pack)) continue;
      bytes -= pack.bytes?.length ?? 0;
      this.drop(pack);
    }
  }
}
