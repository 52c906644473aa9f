import type { Json } from './object.ts';

/** JSON.parse with the source text of each primitive (ECMA-262 "JSON.parse source text access"). */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

const LONG_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

/**
 * Parses JSON without rounding integers: those outside ±2^53 become bigint. Costs one scan over the text
 * where no run of 16 digits occurs.
 * @throws SyntaxError as JSON.parse does.
 */
export function parseJson(text: string): Json {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text) as Json;
  return parseWithSource(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    return context.source !== undefined && INTEGER.test(context.source) ? BigInt(context.source) : value;
  }) as Json;
}

/** Prints JSON; a bigint is written as the integer it is. */
export function printJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? rawJson(part.toString()) : part));
  }
}
