import type { TreeRoom } from '../compose/edit-tree.ts';
import type { Objects } from '../git/object-store.ts';
import type { GitTreeObject } from '../git/objects.ts';

/** Trees that are put together of those of a store, and kept in memory: nothing is written to it. */
export class Planted implements Objects, TreeRoom {
  readonly #store: Objects;
  readonly #made = new Map<string, GitTreeObject>();

  constructor(store: Objects) {
    this.#store = store;
  }

  get objects(): Objects {
    return this;
  }

  async tree(id: string): Promise<GitTreeObject> {
    return this.#made.get(id) ?? this.#store.tree(id);
  }

  blob(id: string, limit: number, name: string): Promise<Buffer> {
    return this.#store.blob(id, limit, name);
  }

  /** No store has an id like those given here. */
  async writeTree({ entries, odd }: Pick<GitTreeObject, 'entries' | 'odd'>): Promise<string> {
    const id = `\0${this.#made.size}`;
    const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.#made.set(id, { entries: sorted, odd, byName: new Map(sorted.map((entry) => [entry.name, entry])) });
    return id;
  }
}
