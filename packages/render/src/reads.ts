import type { Tree } from '@plumb/sources';
import type { ReadSet } from './bundle.ts';
import { parentOf } from './paths.ts';

/** Collects what a build read. A folder recorded whole stands for everything below it. */
export class ReadLog {
  readonly #ids = new Map<string, string | null>();
  readonly #folders = new Set<string>();

  folder(path: string, id: string): void {
    this.#folders.add(path);
    this.#ids.set(path, id);
  }

  /** A file or link by its blob id; null for a path that was looked for and is not there. */
  file(path: string, id: string | null): void {
    this.#ids.set(path, id);
  }

  ids(): ReadSet['ids'] {
    return new Map([...this.#ids].filter(([path]) => !this.#covers(path)));
  }

  /** Whether a folder above stands for a path. */
  #covers(path: string): boolean {
    let at = path;
    while (at !== '') {
      at = parentOf(at).dir;
      if (this.#folders.has(at)) return true;
    }
    return false;
  }
}

/** Whether a tree has the same objects at these paths. */
export async function isSame(ids: ReadSet['ids'], tree: Tree): Promise<boolean> {
  for (const [path, id] of ids) {
    if ((await idAt(tree, path)) !== id) return false;
  }
  return true;
}

async function idAt(tree: Tree, path: string): Promise<string | null> {
  const folder = await tree.id(path);
  if (folder !== null || path === '') return folder;
  const { dir, name } = parentOf(path);
  const entries = await tree.entries(dir);
  return entries?.find((entry) => entry.name === name)?.id ?? null;
}
