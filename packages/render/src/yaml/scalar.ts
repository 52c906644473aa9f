import type { Json } from '@plumb/api';

/** What a plain scalar cannot be: JSON has no such number. */
export class NotJsonError extends Error {}

const decimal = /^-?(?:0|[1-9]\d*)$/;
const integer = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9]\d*|0)$/;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const special = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const timestamp =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,](\d+))?(Z|[-+]\d\d:\d\d)?)?$/;
/** Far more digits than 64 bits have in any notation: longer ones are not worth the time to read them. */
const longestInteger = 1_000;
const maxUint64 = 2n ** 64n;
const minInt64 = -(2n ** 63n);

const words = new Map<string, Json>([
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['NULL', null],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  // JSON has it too, and kustomize leaves it as it is.
  ['-0', -0],
]);

/** The words YAML 1.1 adds: kustomization files are read with them, manifests are not. */
const words11 = new Map<string, Json>([
  ['y', true],
  ['Y', true],
  ['yes', true],
  ['Yes', true],
  ['YES', true],
  ['on', true],
  ['On', true],
  ['ON', true],
  ['n', false],
  ['N', false],
  ['no', false],
  ['No', false],
  ['NO', false],
  ['off', false],
  ['Off', false],
  ['OFF', false],
]);

/**
 * A plain scalar's value, as kustomize reads it (kyaml's go-yaml v3: the YAML 1.2 core schema with YAML 1.1's octals, binary
 * numbers, underscores and dates), with every digit of an integer kept.
 * @throws NotJsonError for infinity and not-a-number.
 */
export function resolvePlain(text: string): Json {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  return numeric ? resolveNumeric(text) : text;
}

/** The same for kustomization files, which kustomize reads with YAML 1.1's booleans (sigs.k8s.io/yaml). */
export function resolvePlain11(text: string): Json {
  return words11.get(text) ?? resolvePlain(text);
}

/** The same for manifests that Helm reads itself: with YAML 1.1's booleans, and dates that stay the text they are (sigs.k8s.io/yaml). */
export function resolveHelm(text: string): Json {
  return timestamp.test(text) ? text : resolvePlain11(text);
}

function resolveNumeric(text: string): Json {
  if (decimal.test(text)) return wholeNumber(text);
  if (special.test(text)) throw new NotJsonError(`${text} is not a number that JSON can hold: quote it`);
  const date = timestamp.exec(text);
  if (date !== null) return resolveTimestamp(date) ?? text;
  const digits = text.replaceAll('_', '');
  const whole = digits.length > longestInteger ? null : integer.exec(digits);
  if (whole !== null) {
    const value = parseInteger(whole[1] ?? '', whole[2] ?? '');
    if (value < maxUint64 && value >= minInt64) return exact(value);
  }
  if (!float.test(digits)) return text;
  const value = Number(digits);
  return Number.isFinite(value) ? value : text;
}

/** Digits beyond any number are text, as in Go. Adding nought makes -0 nought. */
function wholeNumber(text: string): number | bigint | string {
  const value = Number(text) + 0;
  if (Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) ? BigInt(text) : text;
}

function parseInteger(sign: string, digits: string): bigint {
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits}` : digits;
  const value = BigInt(octal.toLowerCase());
  return sign === '-' ? -value : value;
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Dates come out as Go prints a time: RFC 3339, UTC unless an offset is given. */
function resolveTimestamp(match: RegExpExecArray): string | undefined {
  const [, year, month, day, separator, hour = '0', minute = '0', second = '0', fraction = '', zone] = match;
  // With T an offset must follow, with a blank none may.
  if (separator !== undefined && (separator === ' ') !== (zone === undefined)) return undefined;
  if (!isDate(Number(year), Number(month), Number(day))) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const two = (part: string | undefined): string => (part ?? '').padStart(2, '0');
  const nanoseconds = fraction.slice(0, 9).replace(/0+$/, '');
  const time = `${two(hour)}:${two(minute)}:${two(second)}${nanoseconds === '' ? '' : `.${nanoseconds}`}`;
  const offset = zone === undefined || /^[-+]00:00$/.test(zone) ? 'Z' : zone;
  return `${year}-${two(month)}-${two(day)}T${time}${offset}`;
}

function isDate(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
