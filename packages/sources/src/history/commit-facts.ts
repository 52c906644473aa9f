import { oneLine, type ChangeAuthor } from '@plumb/api';

/** What of a commit says whose work it is. */
export interface CommitFacts {
  /** Of its files; empty where it names none. */
  tree: string;
  parents: readonly string[];
  /** Its author and its committer. */
  people: readonly ChangeAuthor[];
  message: string;
}

/** Characters of a name or an address. */
const LONGEST_NAME = 320;
/** Bytes of a message. */
const LONGEST_MESSAGE = 16 * 1024;

/**
 * Reads a commit object (git-commit-tree). Signatures and tags in its head are on lines that begin with a space.
 * @returns null for one that does not say who wrote or committed it
 */
export function readCommitFacts(body: Buffer): CommitFacts | null {
  const blank = body.indexOf('\n\n');
  const end = blank < 0 ? body.length : blank;
  const lines = body.toString('utf8', 0, end).split('\n');
  const values = (name: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const [authors, committers] = [values('author'), values('committer')];
  if (authors.length === 0 || committers.length === 0) return null;
  // Of several lines git reads the first only: whom the others name is no less an author.
  const people = [...authors, ...committers].map(personOf);
  return { tree: values('tree')[0] ?? '', parents: values('parent'), people, message: messageIn(body.subarray(end)) };
}

/** As git does: the address is what stands between the first `<` and the `>` after it, the name all before. */
function personOf(line: string): ChangeAuthor {
  const open = line.indexOf('<');
  if (open < 0) return { name: shown(line), email: '' };
  const close = line.indexOf('>', open);
  return { name: shown(line.slice(0, open)), email: shown(line.slice(open + 1, close < 0 ? line.length : close)) };
}

/** What is cut off ends in a mark, so that it never passes for somebody with a shorter name. */
function shown(text: string): string {
  const line = oneLine(text).trim();
  return line.length <= LONGEST_NAME ? line : `${line.slice(0, LONGEST_NAME).toWellFormed()}…`;
}

function messageIn(body: Buffer): string {
  const text = body.toString('utf8', 0, LONGEST_MESSAGE).trim();
  return text.split('\n').map(oneLine).join('\n').trim();
}
