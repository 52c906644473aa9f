import { userError } from './error.ts';

/** Nanoseconds by unit, as Go's time.ParseDuration knows them (both spellings of micro). */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/** A Go duration is an int64 of nanoseconds. */
const LIMIT = 2 ** 63;
const MAX_LENGTH = 100;

/** Whole text to nanoseconds; NaN when it is no duration. */
function nanoseconds(text: string): number {
  if (text === '0') return 0;
  let total = 0;
  let at = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) return Number.NaN;
    total += Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
    at = PART.lastIndex;
  }
  return at === 0 ? Number.NaN : Math.round(total);
}

/**
 * Reads a duration in Go's notation (`1h2m3.5s`, `750ms`, `0`), without a sign.
 * @returns milliseconds, fractions included
 * @throws PlumbError `invalid-spec` for anything else, and for more than Go's 2^63 nanoseconds (some 292 years)
 */
export function parseDuration(text: string): number {
  const total = text.length > MAX_LENGTH ? Number.NaN : nanoseconds(text);
  if (!(total < LIMIT)) {
    throw userError('invalid-spec', `invalid duration '${text.slice(0, MAX_LENGTH)}': write it as 90s, 1m30s or 1h`);
  }
  return total / 1e6;
}

/** `1.5`, without trailing zeros. */
function decimal(whole: number, scale: number): string {
  const digits = Math.log10(scale);
  const fraction = String(whole % scale)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  const integer = Math.floor(whole / scale);
  return fraction === '' ? String(integer) : `${integer}.${fraction}`;
}

function belowSecond(ns: number): string {
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${decimal(ns, 1e3)}\u00b5s`;
  return `${decimal(ns, 1e6)}ms`;
}

/** Writes milliseconds as Go's time.Duration does: `1m0s`, `1.5s`, `750ms`, `0s`. Exact below some three months. */
export function formatDuration(milliseconds: number): string {
  const ns = Math.round(Math.abs(milliseconds) * 1e6);
  const sign = milliseconds < 0 && ns > 0 ? '-' : '';
  if (ns === 0) return '0s';
  if (ns < 1e9) return sign + belowSecond(ns);
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const seconds = `${decimal(ns % 60e9, 1e9)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : sign + seconds;
}
