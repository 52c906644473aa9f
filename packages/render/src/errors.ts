import { printJson, userError } from '@plumb/api';
import type { PlumbError } from '@plumb/api';

/** What a user declared cannot be built. `place` is `file`, `file:line` or `file, document n`. */
export function buildError(place: string, what: string, cause?: unknown): PlumbError {
  return userError('build-failed', `${place}: ${what}`, cause);
}

/** Longest piece of a user's text that goes into a message. */
const shownLength = 80;

/** A user's value as a message shows it: quoted, on one line, not too long. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : printJson(value);
  return `'${text.length > shownLength ? `${text.slice(0, shownLength)}...` : text}'`.replaceAll(/\s+/g, ' ');
}
