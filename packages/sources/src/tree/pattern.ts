import { matchName } from './glob.ts';

/** One line of a `.sourceignore`, in gitignore's syntax. */
export interface Pattern {
  /** False for a line that begins with `!`: it takes back. */
  excludes: boolean;
  directoryOnly: boolean;
  /** Bound to its folder, because it holds a `/` before its end; else it speaks of names at any depth. */
  anchored: boolean;
  segments: readonly Segment[];
}

/** `text` is what to compare with when there is no wildcard in it; `**` is any number of folders. */
interface Segment {
  glob: string;
  text: string | null;
}

const ANY_FOLDERS = '**';

export function parsePattern(line: string): Pattern {
  const excludes = !line.startsWith('!');
  let body = excludes ? line : line.slice(1);
  if (!body.endsWith('\\ ')) body = body.replace(/ +$/, '');
  const directoryOnly = body.endsWith('/');
  if (directoryOnly) body = body.slice(0, -1);
  const anchored = body.includes('/');
  const parts = body.split('/').filter((part) => part !== '');
  return { excludes, directoryOnly, anchored, segments: parts.map(segment) };
}

function segment(glob: string): Segment {
  return { glob, text: /[*?[\\]/.test(glob) ? null : glob };
}

/** Whether a pattern matches the path, or a folder above it. `names` are relative to the pattern's folder. */
export function matchesPath(pattern: Pattern, names: readonly string[], directory: boolean): boolean {
  const { segments, directoryOnly, anchored } = pattern;
  if (segments.length === 0) return false;
  for (let length = 1; length <= names.length; length += 1) {
    if (directoryOnly && length === names.length && !directory) return false;
    const found = anchored ? matchesAll(segments, names, length) : matchesSegment(segments[0], names[length - 1]);
    if (found) return true;
  }
  return false;
}

/** Segments against the first `length` names. Only the last `**` is ever moved, as with a star in a name. */
function matchesAll(segments: readonly Segment[], names: readonly string[], length: number): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let taken = 0;
  while (next < length) {
    const current = segments[at];
    if (current?.glob === ANY_FOLDERS) {
      // At the end it stands for what is inside, so there must be something.
      if (at === segments.length - 1) return true;
      star = at;
      taken = next;
      at += 1;
    } else if (current !== undefined && matchesSegment(current, names[next])) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      taken += 1;
      at = star + 1;
      next = taken;
    } else {
      return false;
    }
  }
  return at === segments.length;
}

function matchesSegment(segment: Segment | undefined, name: string | undefined): boolean {
  if (segment === undefined || name === undefined) return false;
  return segment.text === null ? matchName(segment.glob, name) : segment.text === name;
}

/** Whether the pattern could match something below a folder that it does not match itself. */
export function mayMatchBelow(pattern: Pattern, names: readonly string[]): boolean {
  if (!pattern.anchored) return true;
  for (const [index, name] of names.entries()) {
    const part = pattern.segments[index];
    if (part === undefined || part.glob === ANY_FOLDERS) return true;
    if (!matchesSegment(part, name)) return false;
  }
  return true;
}
