import { oneLine, printJson, userError } from '@plumb/api';
import type { PlumbError } from '@plumb/api';

/** What a user declared cannot be built. `place` is `file`, `file:line` or `file, document n`. */
export function buildError(place: string, what: string, cause?: unknown): PlumbError {
  return userError('build-failed', shortened(oneLine(`${place}: ${what}`), longestMessage), cause);
}

/** A folder that cannot be built from. */
export function pathError(what: string, cause?: unknown): PlumbError {
  return userError('invalid-path', shortened(oneLine(what), longestMessage), cause);
}

/** A chart cannot be rendered, in Helm's words: they name the template and its line where there is one. */
export function chartError(what: string): PlumbError {
  return userError('build-failed', shortened(oneLine(what).replaceAll(repeated, '$1… '), longestMessage));
}

/** Of templates that include each other Helm tells every turn. */
const repeated = /(.{16,400}?)\1{2,}/gs;

/** Longest message; a path or a name in it may be as long as a repository likes. */
const longestMessage = 1_000;

/** Longest piece of a user's text that goes into a message. */
const shownLength = 80;

/** A user's value as a message shows it: quoted, on one line, not too long. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : printJson(value);
  return `'${oneLine(shortened(text, shownLength))}'`;
}

function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}
