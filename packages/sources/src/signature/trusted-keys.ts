import { parseSshKey, type SshKey } from './ssh-key.ts';

/** A key of a list, and how far it is trusted. */
export interface TrustedKey {
  key: SshKey;
  /** What stands before it in allowed_signers: whose it is. */
  names: readonly string[];
  /** Seconds since 1970. */
  validAfter: number;
  validBefore: number;
  /** Signatures of a hardware key that was not touched count too. */
  touchless: boolean;
}

export interface TrustedKeys {
  keys: TrustedKey[];
  /** Lines that could not be used, and why. */
  problems: string[];
}

const MAX_LINES = 20_000;
/** Before the type of a key there may be principals and options. */
const MAX_BEFORE = 2;

/**
 * Reads lines of authorized_keys (sshd) or of allowed_signers (ssh-keygen): `[principals] [options] <type> <base64> [comment]`. Who is named does
 * not restrict a key, as with git. A line that cannot be used is left out.
 */
export function parseTrustedKeys(text: string): TrustedKeys {
  const found: TrustedKeys = { keys: [], problems: [] };
  const lines = text.split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) return { keys: [], problems: [`it has more than ${MAX_LINES} lines`] };
  for (const [index, line] of lines.entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const key = parseLine(trimmed);
    if (typeof key === 'string') found.problems.push(`line ${index + 1}: ${key}`);
    else found.keys.push(key);
  }
  return found;
}

/** @returns the key, or why the line cannot be used */
function parseLine(line: string): TrustedKey | string {
  const words = split(line, /[ \t]/);
  const at = words.findIndex((word, index) => index <= MAX_BEFORE && typeOf(words[index + 1]) === word);
  if (at < 0) return 'no key found';
  const options = at === 0 ? [] : split(words[at - 1] ?? '', /,/);
  const trusted: TrustedKey = {
    key: EMPTY,
    names: at === 0 || (at === 1 && isOptions(words[0] ?? '')) ? [] : split(words[0] ?? '', /,/).map(unquoted),
    validAfter: -Infinity,
    validBefore: Infinity,
    touchless: options.some((option) => option.toLowerCase() === 'no-touch-required'),
  };
  for (const option of options) {
    const problem = applyOption(option, trusted);
    if (problem !== null) return problem;
  }
  try {
    return { ...trusted, key: parseSshKey(Buffer.from(words[at + 1] ?? '', 'base64')) };
  } catch (error) {
    return error instanceof RangeError ? error.message : 'its numbers are no key';
  }
}

/** Of the one word before a key nobody says whether it is whose it is, or what it may do. */
function isOptions(word: string): boolean {
  return split(word, /,/).some((part) => part.includes('=') || /^(no-touch-required|cert-authority)$/i.test(part));
}

function unquoted(text: string): string {
  return text.replaceAll('"', '');
}

const EMPTY: SshKey = { blob: Buffer.alloc(0), fingerprint: '', verify: () => false };

/** @returns why the key cannot be used with it; options of sshd that do not speak of signatures do nothing */
function applyOption(option: string, trusted: TrustedKey): string | null {
  const equals = option.indexOf('=');
  const name = (equals < 0 ? option : option.slice(0, equals)).toLowerCase();
  const value = equals < 0 ? '' : option.slice(equals + 1).replaceAll('"', '');
  if (name === 'cert-authority') return 'certificates are not supported';
  if (name === 'namespaces')
    return includesGit(value.split(',')) ? null : `its namespaces '${value.slice(0, 60)}' do not include git`;
  if (name !== 'valid-after' && name !== 'valid-before') return null;
  const time = parseTime(value);
  if (time === null) return `${name} '${value.slice(0, 30)}' is not a date such as 20260131 or 20260131120000Z`;
  if (name === 'valid-after') trusted.validAfter = time;
  else trusted.validBefore = time;
  return null;
}

/** As in ssh_config, a pattern with `!` in front that fits takes out what others let in. */
function includesGit(patterns: readonly string[]): boolean {
  const negated = patterns.map((pattern) => /^\s*!(.*)$/.exec(pattern)?.[1]);
  const isOut = negated.some((pattern) => pattern !== undefined && coversGit(pattern));
  return !isOut && patterns.some((pattern, index) => negated[index] === undefined && coversGit(pattern));
}

/** Whether a pattern of ssh_config (`*`, `?`) fits the namespace of Git. */
function coversGit(pattern: string): boolean {
  const source = pattern
    .trim()
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test('git');
}

/** YYYYMMDD or YYYYMMDDHHMM[SS], with or without Z; both are UTC. @returns seconds since 1970 */
function parseTime(value: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(value);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const same = time.getUTCMonth() === month - 1 && time.getUTCDate() === day && hour < 24 && minute < 60 && second < 61;
  return same ? time.getTime() / 1000 : null;
}

/** The type that an encoded key names itself; undefined when it is no key. */
function typeOf(encoded: string | undefined): string | undefined {
  if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const blob = Buffer.from(encoded, 'base64');
  const length = blob.length < 4 ? Infinity : blob.readUInt32BE();
  return length > 100 || length > blob.length - 4 ? undefined : blob.toString('latin1', 4, 4 + length);
}

/** Splits at separators that do not stand in double quotes. */
function split(text: string, separator: RegExp): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    if (quoted || !separator.test(character)) {
      part += character;
      continue;
    }
    if (part !== '') parts.push(part);
    part = '';
  }
  return part === '' ? parts : [...parts, part];
}
