import type { Entry } from '../artifact.ts';
import type { Objects } from '../git/object-store.ts';
import type { GitTreeObject } from '../git/objects.ts';

/** Where trees are read, and made: a mirror, as a rule. */
export interface TreeRoom {
  readonly objects: Pick<Objects, 'tree'>;
  writeTree(tree: Pick<GitTreeObject, 'entries' | 'odd'>): Promise<string>;
}

const EMPTY: GitTreeObject = { entries: [], byName: new Map(), odd: [] };

/** The entry at a path; null when there is none. '' is the root itself. */
export async function entryAt(room: TreeRoom, root: string, path: string): Promise<Entry | null> {
  let entry: Entry = { name: '', type: 'directory', id: root };
  for (const name of namesOf(path)) {
    if (entry.type !== 'directory') return null;
    const next = (await room.objects.tree(entry.id)).byName.get(name);
    if (next === undefined) return null;
    entry = next;
  }
  return entry;
}

/** What is to stand at the end of a path: a tree id, by the names that lead there. */
interface Planting {
  id?: string;
  below: Map<string, Planting>;
}

/**
 * The tree with each of the given folders put at its path, in place of what is there; with `only`, nothing else is in it. Folders
 * that no path leads through keep their ids. @returns its id
 */
export async function plant(
  room: TreeRoom,
  root: string | null,
  folders: ReadonlyMap<string, string>,
): Promise<string> {
  const top: Planting = { below: new Map() };
  for (const [path, id] of folders) {
    let at = top;
    for (const name of namesOf(path)) {
      const next = at.below.get(name) ?? { below: new Map() };
      at.below.set(name, next);
      at = next;
    }
    at.id = id;
  }
  return grow(room, root, top);
}

async function grow(room: TreeRoom, base: string | null, { id, below }: Planting): Promise<string> {
  const start = id ?? base;
  if (below.size === 0 && start !== null) return start;
  const tree = start === null ? EMPTY : await room.objects.tree(start);
  const entries = new Map(tree.byName);
  for (const [name, planting] of below) {
    const there = entries.get(name);
    const inside = there?.type === 'directory' ? there.id : null;
    entries.set(name, { name, type: 'directory', id: await grow(room, inside, planting) });
  }
  return room.writeTree({ entries: [...entries.values()], odd: tree.odd });
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
