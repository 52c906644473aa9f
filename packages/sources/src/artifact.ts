import type { UnitRef } from '@plumb/api';

/** What stands at a path. `link` is a symlink; its target is its content. `commit` is a submodule's pin. */
export type EntryType = 'file' | 'executable' | 'link' | 'directory' | 'commit';

/** One entry of a directory. `id` is the Git object id (blob or tree): equal ids mean equal content. */
export interface Entry {
  name: string;
  type: EntryType;
  id: string;
}

/**
 * A read-only tree at one revision, read on demand from the object database; nothing is checked out. Paths are relative to the
 * root, use `/`, hold no `.` or `..`; '' is the root. What `.sourceignore` and spec.ignore exclude is not there.
 * Symlinks are shown as links and never followed here.
 */
export interface Tree {
  /** The tree's own object id at a path. Same id and same ignore rules: same content below. null when there is no directory. */
  id(dir: string): Promise<string | null>;
  /** The entries of a directory, sorted by name; null when there is no directory at that path. */
  entries(dir: string): Promise<Entry[] | null>;
  /** A file's bytes; null when there is no file. Throws `storage-failed` when it is larger than `limit`. */
  read(path: string, limit?: number): Promise<Uint8Array | null>;
  /** Many files at once in one round trip; same order. */
  readAll(paths: readonly string[], limit?: number): Promise<(Uint8Array | null)[]>;
}

/** What a source offers at one revision. `digest` is that of the tarball served at the artifact's URL. */
export interface Artifact {
  source: UnitRef;
  revision: string;
  digest: string;
  /** Names the ignore rules in force, so that equal tree ids under other rules are not taken for equal. */
  rules: string;
  tree: Tree;
}
