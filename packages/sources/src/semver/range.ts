import { userError } from '@plumb/api';
import { compareVersions, parseVersion, type Version } from './version.ts';

type Operator = '=' | '!=' | '>' | '<' | '>=' | '<=' | '~' | '^';

/** How much of a version a comparison states: `1.2.3`, `1.2`, `1` or `*`. */
type Precision = 'patch' | 'minor' | 'major' | 'any';

interface Comparison {
  operator: Operator;
  version: Version;
  precision: Precision;
}

/** Comparisons that must all hold. Prereleases take part only when one of them names a prerelease. */
interface Conjunction {
  comparisons: readonly Comparison[];
  prereleases: boolean;
}

const NUMBER = String.raw`(?:\d+|[xX*])`;
const PARTS = String.raw`[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*`;
const VERSION = String.raw`v?${NUMBER}(?:\.${NUMBER})?(?:\.${NUMBER})?(?:-${PARTS})?(?:\+${PARTS})?`;
const OPERATOR = String.raw`!=|>=|=>|<=|=<|~>|[=<>~^]|`;
const COMPARISON = String.raw`(${OPERATOR})\s*(${VERSION})`;
const HYPHEN = new RegExp(String.raw`\s*(${VERSION})\s+-\s+(${VERSION})\s*`, 'g');
const MAX_LENGTH = 1024;

const SYNONYMS: Readonly<Record<string, Operator>> = { '': '=', '=>': '>=', '=<': '<=', '~>': '~' };

/**
 * Reads a range by the rules of Masterminds/semver v3, which Flux and Helm use: comparisons joined by spaces or commas, `||` between
 * alternatives, `1.2 - 1.4`, `x` and `*`, `~` and `^`. Returns the test of a version.
 * @throws PlumbError `invalid-spec`
 */
export function parseRange(text: string): (version: Version) => boolean {
  if (text.length > MAX_LENGTH) throw improper(text);
  const spelled = text.replaceAll(HYPHEN, '>= $1, <= $2 ');
  const alternatives = spelled.split('||').map((part) => conjunction(part, text));
  return (version) => alternatives.some((alternative) => holds(alternative, version));
}

/** The highest of `names` in the range; several when they differ only in what follows `+`. Names that are no version are passed over. */
export function selectVersions(range: string, names: readonly string[]): string[] {
  const accepts = parseRange(range);
  let best: Version | undefined;
  let chosen: string[] = [];
  for (const name of names) {
    const version = parseVersion(name);
    if (version === undefined || !accepts(version)) continue;
    const order = best === undefined ? 1 : compareVersions(version, best);
    if (order > 0) chosen = [];
    if (order >= 0) chosen.push(name);
    if (order > 0) best = version;
  }
  return chosen;
}

function conjunction(part: string, whole: string): Conjunction {
  const comparisons: Comparison[] = [];
  const next = new RegExp(String.raw`\s*${COMPARISON}(?=[\s,]|$)`, 'y');
  let rest = part.trimEnd();
  while (rest !== '') {
    next.lastIndex = 0;
    const match = next.exec(rest);
    if (match === null) throw improper(whole);
    const [all, operator = '', version = ''] = match;
    comparisons.push(comparison(operator, version, whole));
    // One comma at most stands between two comparisons, and something must follow it.
    rest = rest.slice(all.length).trimStart();
    if (rest.startsWith(',')) {
      rest = rest.slice(1).trimStart();
      if (rest === '') throw improper(whole);
    }
  }
  if (comparisons.length === 0) throw improper(whole);
  return { comparisons, prereleases: comparisons.some(({ version }) => version.pre !== '') };
}

function comparison(operator: string, text: string, whole: string): Comparison {
  const match = /^v?([^.+-]+)(?:\.([^.+-]+))?(?:\.([^.+-]+))?(?:-([^+]+))?/.exec(text);
  if (match === null) throw improper(whole);
  const [, major, minor, patch, pre = ''] = match;
  if (/(^|\.)0\d+(\.|$)/.test(pre)) throw improper(whole);
  const numbers = [major, minor, patch];
  const open = numbers.findIndex((number) => number === undefined || /^[xX*]$/.test(number));
  const stated = open < 0 ? 3 : open;
  const [x = 0n, y = 0n, z = 0n] = numbers.slice(0, stated).map((number) => BigInt(number ?? 0));
  const precision = (['any', 'major', 'minor', 'patch'] as const)[stated] ?? 'any';
  const known = SYNONYMS[operator] ?? (operator as Operator);
  return { operator: known, version: { major: x, minor: y, patch: z, pre, build: '' }, precision };
}

function holds({ comparisons, prereleases }: Conjunction, version: Version): boolean {
  if (version.pre !== '' && !prereleases) return false;
  return comparisons.every((one) => satisfies(version, one));
}

function satisfies(version: Version, { operator, version: bound, precision }: Comparison): boolean {
  const order = compareVersions(version, bound);
  switch (operator) {
    case '=':
      return precision === 'patch' ? order === 0 : tilde(version, bound, precision);
    case '!=':
      return precision === 'patch' || precision === 'any' ? order !== 0 : differs(version, bound, precision);
    case '>':
      return precision === 'patch' || precision === 'any' ? order > 0 : beyond(version, bound, precision);
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return precision === 'patch' ? order <= 0 : !beyond(version, bound, precision);
    case '~':
      return tilde(version, bound, precision);
    case '^':
      return caret(version, bound, precision);
  }
}

/** Equal in what the bound states. */
function same(version: Version, bound: Version, precision: Precision): boolean {
  if (version.major !== bound.major) return false;
  return precision === 'major' || version.minor === bound.minor;
}

/** A prerelease of `1.2.3` is not what `!=1.2` rules out, where prereleases take part at all. */
function differs(version: Version, bound: Version, precision: Precision): boolean {
  return !same(version, bound, precision) || (precision === 'minor' && version.pre !== bound.pre);
}

/** Past everything that a partly stated bound covers: `12.0.0` is beyond `11`, `11.5.0` is not. */
function beyond(version: Version, bound: Version, precision: Precision): boolean {
  if (version.major !== bound.major) return version.major > bound.major;
  return precision !== 'major' && version.minor > bound.minor;
}

function tilde(version: Version, bound: Version, precision: Precision): boolean {
  if (compareVersions(version, bound) < 0) return false;
  const zero = bound.major === 0n && bound.minor === 0n && bound.patch === 0n;
  if (precision === 'any' || (precision === 'patch' && zero)) return true;
  return same(version, bound, precision === 'major' ? 'major' : 'minor');
}

function caret(version: Version, bound: Version, precision: Precision): boolean {
  if (compareVersions(version, bound) < 0) return false;
  if (bound.major > 0n || precision === 'major') return version.major === bound.major;
  if (version.major > 0n) return false;
  if (bound.minor > 0n || precision === 'minor') return version.minor === bound.minor;
  return version.minor === 0n && version.patch === bound.patch;
}

function improper(range: string): Error {
  return userError('invalid-spec', `spec.ref.semver '${range.slice(0, 100)}': improper constraint`);
}
