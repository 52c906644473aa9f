import type { Json } from '@plumb/api';
import { readDocuments } from '@plumb/render';

/** Shorter ones say little, and would be found anywhere. */
const SHORTEST = 4;
/** How deep a text may be a file of values within another. */
const DEEPEST = 3;

/**
 * The texts that must not be shown of what a Secret gives to values: itself, its lines, what stands in a file of values, and what `helm --set` reads.
 * @param isFile of values; else it is the value of a path
 */
export function secretTexts(text: string, isFile: boolean): string[] {
  const values = [...leavesOf(text, DEEPEST), ...(isFile ? [] : setPieces(text))];
  const all = [text, text.trim(), ...linesOf(text), ...values, ...values.flatMap(unquotedIn)];
  return [...new Set(all)].filter((part) => part.length >= SHORTEST && !OPEN.test(part));
}

/** Whoever hides what is in quotes may have done so within a value: what is left of it. */
function unquotedIn(text: string): string[] {
  return text.split(/["'`]/).filter((part) => part.length >= LONG_PART);
}

const LONG_PART = 6;

/** They say nothing by themselves: a key without a value, and what is no text. */
const OPEN = /^(?:[\w.-]+:|true|false|null)$/;

/** Each line, and what stands behind its key: also of a text that nobody can read as a whole. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.flatMap((line) => {
    const value = line.replace(/^-\s+/, '').replace(/^[^\s:'"]+:\s+/, '');
    return [value, value.replace(/^(['"])(.*)\1$/, '$2')];
  });
}

/** What stands in a file of values, and in texts there that are such files themselves. Keys, booleans and nulls are open. */
function leavesOf(text: string, depth: number): string[] {
  return depth === 0 || !/[:{[\n]/.test(text) ? [] : read(text).flatMap((value) => leavesIn(value, depth));
}

function read(text: string): Json[] {
  try {
    return readDocuments('values', Buffer.from(text));
  } catch {
    return [];
  }
}

function leavesIn(value: Json, depth: number): string[] {
  if (typeof value === 'string') return [value, ...value.split('\n'), ...leavesOf(value, depth - 1)];
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((item) => leavesIn(item as Json, depth));
}

/** What `helm --set` makes of a value: a comma ends it, braces are a list, and a backslash takes the next character as it is. */
function setPieces(text: string): string[] {
  const plain = text.trim().replace(/^(['"])(.*)\1$/s, '$2');
  const pieces = plain.split(/(?<!\\)[,{}=]/).map((piece) => piece.trim());
  return [plain, ...pieces].flatMap((piece) => [piece, piece.replaceAll(/\\(.)/gs, '$1')]);
}
