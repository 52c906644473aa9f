/**
 * Matches one path component against one component of a gitignore pattern: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, `\x`. Time
 * grows with the product of the two lengths at worst, whatever the pattern: patterns come from people who are not trusted.
 */
export function matchName(pattern: string, name: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let taken = 0;
  while (next < name.length) {
    if (pattern[at] === '*') {
      star = at;
      taken = next;
      at += 1;
      continue;
    }
    const length = matchOne(pattern, at, name[next] ?? '');
    if (length > 0) {
      at += length;
      next += 1;
      continue;
    }
    if (star < 0) return false;
    // The last star takes one character more; earlier stars never need to.
    taken += 1;
    at = star + 1;
    next = taken;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** How much of the pattern matches one character; 0 when it does not. */
function matchOne(pattern: string, at: number, char: string): number {
  const first = pattern[at];
  if (first === '?') return 1;
  if (first === '[') return matchClass(pattern, at, char);
  if (first === '\\') return pattern[at + 1] === char ? 2 : 0;
  return first === char ? 1 : 0;
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  digit: /\d/,
  lower: /[a-z]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /\s/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** A bracket that is never closed matches nothing. */
function matchClass(pattern: string, start: number, char: string): number {
  let at = start + 1;
  const negated = pattern[at] === '!' || pattern[at] === '^';
  if (negated) at += 1;
  let found = false;
  for (let first = true; first || pattern[at] !== ']'; first = false) {
    if (at >= pattern.length) return 0;
    const item = readItem(pattern, at);
    found ||= item.named ? (CLASSES[item.named]?.test(char) ?? false) : item.low <= char && char <= item.high;
    at = item.end;
  }
  return found === negated ? 0 : at + 1 - start;
}

interface Item {
  named?: string;
  low: string;
  high: string;
  end: number;
}

function readItem(pattern: string, at: number): Item {
  const close = pattern.startsWith('[:', at) ? pattern.indexOf(':]', at + 2) : -1;
  if (close >= 0) return { named: pattern.slice(at + 2, close), low: '', high: '', end: close + 2 };
  const low = readChar(pattern, at);
  if (pattern[low.end] !== '-' || pattern[low.end + 1] === ']' || low.end + 1 >= pattern.length) {
    return { low: low.char, high: low.char, end: low.end };
  }
  const high = readChar(pattern, low.end + 1);
  return { low: low.char, high: high.char, end: high.end };
}

function readChar(pattern: string, at: number): { char: string; end: number } {
  if (pattern[at] === '\\') return { char: pattern[at + 1] ?? '', end: at + 2 };
  return { char: pattern[at] ?? '', end: at + 1 };
}
