import type { ObjectStore } from '../git/object-store.ts';

interface Stored {
  type: 'commit' | 'tree';
  body: Buffer;
}

/** The id of an object that is made up: a number, and nothing that it holds. */
export function madeUpId(at: number): string {
  return at.toString(16).padStart(40, '0');
}

/** A tree of entries: mode and name, and the id of what is there. */
export function treeOf(entries: readonly (readonly [entry: string, id: string])[]): Stored {
  const parts = entries.map(([entry, id]) => Buffer.concat([Buffer.from(`${entry}\0`), Buffer.from(id, 'hex')]));
  return { type: 'tree', body: Buffer.concat(parts) };
}

export function commitOf(tree: string, parents: readonly string[], email = 'a@example.test'): Stored {
  const who = `Somebody <${email}> 1700000000 +0000`;
  const behind = parents.map((parent) => `parent ${parent}\n`).join('');
  const text = `tree ${tree}\n${behind}author ${who}\ncommitter ${who}\n\nchange\n`;
  return { type: 'commit', body: Buffer.from(text) };
}

/** Objects by their ids, and nothing else. */
export function storeOf(objects: ReadonlyMap<string, Stored>): Pick<ObjectStore, 'raw'> {
  const raw = (wanted: string): Promise<unknown> => {
    const found = objects.get(wanted);
    return Promise.resolve(found === undefined ? null : { id: wanted, ...found });
  };
  return { raw } as Pick<ObjectStore, 'raw'>;
}
