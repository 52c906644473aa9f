import { isUtf8 } from 'node:buffer';
import type { Entry, EntryType } from '../artifact.ts';
import { correctable } from './address.ts';

/** An entry whose name is not UTF-8, as it stands in the tree. */
export interface OddEntry {
  mode: string;
  name: Buffer;
  id: string;
}

/** One directory as Git stores it. `odd` entries have names that are not UTF-8: they cannot be named in a manifest or a path. */
export interface GitTreeObject {
  entries: readonly Entry[];
  byName: ReadonlyMap<string, Entry>;
  odd: readonly OddEntry[];
}

const TYPES = new Map<string, EntryType>([
  ['40000', 'directory'],
  ['040000', 'directory'],
  ['100755', 'executable'],
  ['120000', 'link'],
  ['160000', 'commit'],
]);
const MODES: Readonly<Record<EntryType, string>> = {
  directory: '40000',
  executable: '100755',
  link: '120000',
  commit: '160000',
  file: '100644',
};
const MAX_SUBJECT = 1000;

/**
 * Reads a tree object: `<mode> <name>\0<id>` over and over; ids are as long as the tree's own.
 * @throws PlumbError `source-failed` when it is malformed: it has its id, so that it was sent like this, and no new mirror would mend it
 */
export function parseTree(id: string, body: Buffer): GitTreeObject {
  const idBytes = id.length / 2;
  const entries: Entry[] = [];
  const odd: OddEntry[] = [];
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const end = space < 0 ? -1 : body.indexOf(0, space);
    if (end < 0 || end + 1 + idBytes > body.length) throw malformed('tree', id, 'it is cut off');
    const mode = body.toString('latin1', at, space);
    const raw = body.subarray(space + 1, end);
    const next = end + 1 + idBytes;
    const object = body.toString('hex', end + 1, next);
    at = next;
    if (!isUtf8(raw)) {
      odd.push({ mode, name: Buffer.from(raw), id: object });
      continue;
    }
    const name = raw.toString('utf8');
    if (name === '' || name === '.' || name === '..' || name.includes('/'))
      throw malformed('tree', id, 'a name in it is none of a file');
    entries.push({ name, type: typeOf(mode, id), id: object });
  }
  entries.sort(byName);
  return { entries, byName: new Map(entries.map((entry) => [entry.name, entry])), odd };
}

/** The bytes of a tree object, in Git's order: by bytes, a folder as if its name ended with a slash. */
export function encodeTree(tree: Pick<GitTreeObject, 'entries' | 'odd'>): Buffer {
  const named = tree.entries.map(({ name, type, id }) => ({ mode: MODES[type], name: Buffer.from(name), id }));
  const all = [...named, ...tree.odd].map((entry) => ({ entry, key: sortKey(entry) }));
  all.sort((a, b) => Buffer.compare(a.key, b.key));
  const parts = all.flatMap(({ entry: { mode, name, id } }) => [
    Buffer.from(`${mode} `),
    name,
    Buffer.of(0),
    Buffer.from(id, 'hex'),
  ]);
  return Buffer.concat(parts);
}

function sortKey({ mode, name }: OddEntry): Buffer {
  return TYPES.get(mode) === 'directory' ? Buffer.concat([name, Buffer.from('/')]) : name;
}

function typeOf(mode: string, id: string): EntryType {
  const type = TYPES.get(mode);
  if (type !== undefined) return type;
  // 100644, and 100664 of very old tools.
  if (mode.startsWith('100')) return 'file';
  throw malformed('tree', id, 'the mode of an entry is unknown');
}

function byName(a: Entry, b: Entry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function malformed(type: 'tree' | 'commit', id: string, why: string): Error {
  return correctable('source-failed', `the repository holds a malformed object: ${type} ${id}: ${why}`);
}

/** What is needed of a commit object. `subject` is the first line of its message. */
export interface GitCommitObject {
  tree: string;
  subject: string;
  /** Seconds since 1970. */
  committed: number;
}

export function parseCommit(id: string, body: Buffer): GitCommitObject {
  const text = body.toString('utf8');
  const split = text.indexOf('\n\n');
  const head = split < 0 ? text : text.slice(0, split);
  const message = split < 0 ? '' : text.slice(split + 2);
  const tree = /^tree ((?:[0-9a-f]{40}|[0-9a-f]{64}))$/m.exec(head)?.[1];
  if (tree === undefined) throw malformed('commit', id, 'it names no tree');
  const subject = message.trimStart().split('\n', 1)[0]?.slice(0, MAX_SUBJECT) ?? '';
  const committed = Number(/^committer .* (\d+) [+-]\d+$/m.exec(head)?.[1] ?? 0);
  return { tree, subject: subject.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trimEnd(), committed };
}
