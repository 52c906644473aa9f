import { printJson, userError } from '@plumb/api';
import type { PlumbError } from '@plumb/api';

/** What a user declared cannot be built. `place` is `file`, `file:line` or `file, document n`. */
export function buildError(place: string, what: string, cause?: unknown): PlumbError {
  return userError('build-failed', shortened(oneLine(`${place}: ${what}`), longestMessage), cause);
}

/** Longest message; a path or a name in it may be as long as a repository likes. */
const longestMessage = 1_000;

/** Longest piece of a user's text that goes into a message. */
export const shownLength = 80;

/** A user's value as a message shows it: quoted, on one line, not too long. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : printJson(value);
  return `'${oneLine(shortened(text, shownLength))}'`;
}

function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}

/** On one line, and without characters that a terminal would act on or that turn text around. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
