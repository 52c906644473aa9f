import { isUtf8 } from 'node:buffer';
import { systemError } from '@plumb/api';
import type { Entry, EntryType } from '../artifact.ts';

/** One directory as Git stores it. `unreadable` counts names that are not UTF-8: they cannot be named in a manifest or a path. */
export interface GitTreeObject {
  entries: readonly Entry[];
  byName: ReadonlyMap<string, Entry>;
  unreadable: number;
}

const TYPES = new Map<string, EntryType>([
  ['40000', 'directory'],
  ['040000', 'directory'],
  ['100755', 'executable'],
  ['120000', 'link'],
  ['160000', 'commit'],
]);
const ID_BYTES = 20;
const MAX_SUBJECT = 1000;

/** Reads a tree object: `<mode> <name>\0<20 bytes>` over and over. @throws PlumbError `storage-failed` when it is malformed. */
export function parseTree(id: string, body: Buffer): GitTreeObject {
  const entries: Entry[] = [];
  let unreadable = 0;
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const end = space < 0 ? -1 : body.indexOf(0, space);
    if (end < 0 || end + 1 + ID_BYTES > body.length) throw malformed(id);
    const mode = body.toString('latin1', at, space);
    const raw = body.subarray(space + 1, end);
    const next = end + 1 + ID_BYTES;
    const object = body.toString('hex', end + 1, next);
    at = next;
    if (!isUtf8(raw)) {
      unreadable += 1;
      continue;
    }
    const name = raw.toString('utf8');
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw malformed(id);
    entries.push({ name, type: typeOf(mode, id), id: object });
  }
  entries.sort(byName);
  return { entries, byName: new Map(entries.map((entry) => [entry.name, entry])), unreadable };
}

function typeOf(mode: string, id: string): EntryType {
  const type = TYPES.get(mode);
  if (type !== undefined) return type;
  // 100644, and 100664 of very old tools.
  if (mode.startsWith('100')) return 'file';
  throw malformed(id);
}

function byName(a: Entry, b: Entry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function malformed(id: string): Error {
  return systemError('storage-failed', `git tree ${id} is malformed`);
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
  const tree = /^tree ([0-9a-f]{40})$/m.exec(head)?.[1];
  if (tree === undefined) throw systemError('storage-failed', `git commit ${id} is malformed`);
  const subject = message.trimStart().split('\n', 1)[0]?.slice(0, MAX_SUBJECT) ?? '';
  const committed = Number(/^committer .* (\d+) [+-]\d+$/m.exec(head)?.[1] ?? 0);
  return { tree, subject: subject.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trimEnd(), committed };
}
