/**
 * Keeps what was used last: at most `limit` entries, half of them at least. Two generations, because a Map that is emptied from its front
 * looks at all that was deleted there each time it is asked for its first entry.
 */
export class Lru<K, V> {
  readonly #half: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(limit: number) {
    this.#half = Math.ceil(limit / 2);
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key) ?? this.#old.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
