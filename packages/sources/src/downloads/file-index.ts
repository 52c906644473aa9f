import { createHash } from 'node:crypto';
import type { Entry } from '../artifact.ts';
import type { GitTreeObject } from '../git/objects.ts';

/** Where a file's bytes are in the data of an artifact. `id` is the SHA-256 of its content. */
export interface FileAt {
  id: string;
  isExecutable: boolean;
  offset: number;
  size: number;
}

/** All of an artifact: folders, empty ones too, and files by path. */
export interface Listing {
  folders: readonly string[];
  files: ReadonlyMap<string, FileAt>;
  /** Bytes of the data. */
  bytes: number;
}

/** Folders by id. An id says what is in a folder: equal ids, equal content. */
export interface FileIndex {
  root: string;
  trees: ReadonlyMap<string, GitTreeObject>;
  /** By id. */
  files: ReadonlyMap<string, FileAt>;
}

interface Folder {
  folders: Map<string, Folder>;
  files: Map<string, FileAt>;
}

const newFolder = (): Folder => ({ folders: new Map(), files: new Map() });

/** @throws Error where a file stands in the place of a folder */
export function indexOf({ folders, files }: Listing): FileIndex {
  const root = newFolder();
  for (const path of folders) folderAt(root, path.split('/'));
  for (const [path, file] of files) {
    const names = path.split('/');
    const name = names.pop() ?? '';
    folderAt(root, names).files.set(name, file);
  }
  const trees = new Map<string, GitTreeObject>();
  const id = seal(root, trees);
  return { root: id, trees, files: new Map([...files.values()].map((file) => [file.id, file])) };
}

function folderAt(root: Folder, names: readonly string[]): Folder {
  let at = root;
  for (const name of names) {
    let next = at.folders.get(name);
    if (next === undefined) at.folders.set(name, (next = newFolder()));
    at = next;
  }
  return at;
}

function seal(folder: Folder, trees: Map<string, GitTreeObject>): string {
  const entries = [
    ...[...folder.folders].map(([name, inner]): Entry => ({ name, type: 'directory', id: seal(inner, trees) })),
    ...[...folder.files].map(([name, { id, isExecutable }]): Entry => ({
      name,
      type: isExecutable ? 'executable' : 'file',
      id,
    })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (byName.size < entries.length) throw new Error('a file stands in the place of a folder');
  const hash = createHash('sha256');
  for (const { name, type, id } of entries) hash.update(`${type} ${id} ${name}\0`);
  const id = `tree-${hash.digest('hex')}`;
  trees.set(id, { entries, byName, odd: [] });
  return id;
}

type Row = [path: string, id: string, isExecutable: 0 | 1, offset: number, size: number];

const FORMAT = 1;

export function printListing({ folders, files, bytes }: Listing): string {
  const rows = [...files].map(([path, { id, isExecutable, offset, size }]): Row => [
    path,
    id,
    isExecutable ? 1 : 0,
    offset,
    size,
  ]);
  return JSON.stringify({ format: FORMAT, bytes, folders, files: rows });
}

/** @throws Error for what is not whole */
export function parseListing(text: string): Listing {
  const { format, bytes, folders, files } = JSON.parse(text) as {
    format: number;
    bytes: number;
    folders: string[];
    files: Row[];
  };
  if (format !== FORMAT) throw new Error(`a listing of format ${format}`);
  return {
    bytes,
    folders,
    files: new Map(
      files.map(([path, id, executable, offset, size]) => [path, { id, isExecutable: executable === 1, offset, size }]),
    ),
  };
}
