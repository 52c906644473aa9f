import { parseLocalTime, quoted, refuse } from './calendar.ts';

const FREQUENCIES = ['YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** The lists of numbers: the highest value of each, and the lowest; signed ones count from the end too, and have no 0. */
const LISTS = {
  BYSECOND: { low: 0, high: 59, signed: false },
  BYMINUTE: { low: 0, high: 59, signed: false },
  BYHOUR: { low: 0, high: 23, signed: false },
  BYMONTH: { low: 1, high: 12, signed: false },
  BYMONTHDAY: { low: 1, high: 31, signed: true },
  BYYEARDAY: { low: 1, high: 366, signed: true },
  BYWEEKNO: { low: 1, high: 53, signed: true },
  BYSETPOS: { low: 1, high: 366, signed: true },
} as const;
type ListName = keyof typeof LISTS;
const LIST_NAMES = Object.keys(LISTS) as ListName[];

const WEEKDAYS = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const KNOWN = ['FREQ', 'INTERVAL', 'COUNT', 'UNTIL', 'WKST', 'BYDAY', ...LIST_NAMES];
const MAX_LENGTH = 1000;
const MAX_NUMBER = 100_000;

export interface ByDay {
  /** 0 is Sunday. */
  weekday: number;
  /** The first is 1, the last -1; 0 is each. */
  nth: number;
}

export interface Rule {
  text: string;
  frequency: Frequency;
  interval: number;
  count: number | null;
  /** The last start, local milliseconds or epoch milliseconds. */
  until: { local: number } | { moment: number } | null;
  /** The first day of a week, 0 for Sunday. */
  weekStart: number;
  byDay: readonly ByDay[] | undefined;
  /** Ascending, each once. */
  by: { readonly [Name in ListName]?: readonly number[] };
}

/** Reads an RRULE value of RFC 5545 section 3.3.10. What the RFC forbids, leaves open or that programs read differently is refused. */
export function parseRule(text: string): Rule {
  if (text.length > MAX_LENGTH) refuse(`rrule ${quoted(text)} is longer than ${MAX_LENGTH} characters: shorten it`);
  const parts = partsOf(text);
  const by: { [Name in ListName]?: readonly number[] } = {};
  for (const name of LIST_NAMES) {
    const value = parts.get(name);
    if (value !== undefined) by[name] = parseNumbers(name, value);
  }
  const rule: Rule = {
    text,
    frequency: parseFrequency(parts.get('FREQ'), text),
    interval: parseNumber('INTERVAL', parts.get('INTERVAL')) ?? 1,
    count: parseNumber('COUNT', parts.get('COUNT')),
    until: parseUntil(parts.get('UNTIL')),
    weekStart: parseWeekday('WKST', parts.get('WKST') ?? 'MO').weekday,
    byDay: parts
      .get('BYDAY')
      ?.split(',')
      .map((item) => parseWeekday('BYDAY', item)),
    by,
  };
  checkTogether(rule);
  return rule;
}

function partsOf(text: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.trim().toUpperCase().split(';')) {
    const [name = '', value = '', ...more] = part.split('=');
    if (!KNOWN.includes(name) || value === '' || more.length > 0) {
      refuse(`rrule ${quoted(text)}: ${quoted(part)} is not known: write ${KNOWN.join(', ')}, each with = and a value`);
    }
    if (parts.has(name)) refuse(`rrule ${quoted(text)} has ${name} twice: keep one`);
    parts.set(name, value);
  }
  return parts;
}

function parseFrequency(value: string | undefined, text: string): Frequency {
  const frequency = FREQUENCIES.find((name) => name === value);
  if (frequency !== undefined) return frequency;
  return refuse(
    value === undefined
      ? `rrule ${quoted(text)} has no FREQ: give one of ${FREQUENCIES.join(', ')}`
      : `rrule part ${quoted(`FREQ=${value}`)} is not taken: use ${FREQUENCIES.join(', ')}, and BYMINUTE for starts within an hour`,
  );
}

function parseNumber(name: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  const number = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= MAX_NUMBER) return number;
  return refuse(`rrule part ${quoted(`${name}=${value}`)} is not understood: give a number from 1 to ${MAX_NUMBER}`);
}

function parseNumbers(name: ListName, value: string): readonly number[] {
  const { low, high, signed } = LISTS[name];
  const numbers = value.split(',').map((item) => (/^[+-]?\d{1,3}$/.test(item) ? Number(item) : Number.NaN));
  const fits = (number: number): boolean => (signed ? Math.abs(number) : number) >= low && Math.abs(number) <= high;
  if (!numbers.every(fits)) {
    const values = signed ? `${low} to ${high} or -${high} to -${low}` : `${low} to ${high}`;
    refuse(
      `rrule part ${quoted(`${name}=${value}`)} is not understood: give numbers from ${values}, with commas between`,
    );
  }
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function parseWeekday(name: string, item: string): ByDay {
  const match = /^([+-]?\d{1,2})?(SU|MO|TU|WE|TH|FR|SA)$/.exec(item);
  const nth = Number(match?.[1] ?? 0);
  const counted = match?.[1] !== undefined;
  if (match === null || (counted && (name !== 'BYDAY' || nth === 0 || Math.abs(nth) > 53))) {
    const example = name === 'BYDAY' ? 'MO, TU, 1FR or -1SU' : 'MO or SU';
    refuse(`rrule part ${quoted(`${name}=${item}`)} is not understood: give days as ${example}`);
  }
  return { weekday: WEEKDAYS.indexOf(match[2] ?? ''), nth };
}

/** A bare date is read as its beginning by some programs and as its end by others. */
function parseUntil(value: string | undefined): Rule['until'] {
  if (value === undefined) return null;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?$/.exec(value);
  const [, year, month, date, hour, minute, second] = match ?? [];
  const wall = parseLocalTime(`${year}-${month}-${date}T${hour}:${minute}:${second}`);
  if (wall === null) {
    refuse(
      `rrule part ${quoted(`UNTIL=${value}`)} is not understood: ` +
        'give the last start in local time as 20261231T235959, or in UTC as 20261231T235959Z',
    );
  }
  return value.endsWith('Z') ? { moment: wall } : { local: wall };
}

/** The parts that the table of RFC 5545 section 3.3.10 does not let stand together. */
function checkTogether(rule: Rule): void {
  const { frequency, by, byDay, text } = rule;
  const counted = byDay?.some(({ nth }) => nth !== 0) === true;
  const others = byDay !== undefined || LIST_NAMES.some((name) => name !== 'BYSETPOS' && by[name] !== undefined);
  const refused: readonly (readonly [boolean, string])[] = [
    [rule.count !== null && rule.until !== null, 'has both COUNT and UNTIL: keep one'],
    [by.BYWEEKNO !== undefined && frequency !== 'YEARLY', 'has BYWEEKNO without FREQ=YEARLY: change one of them'],
    [by.BYWEEKNO !== undefined && byDay === undefined, 'has BYWEEKNO without BYDAY: say which days of those weeks'],
    [
      by.BYYEARDAY !== undefined && frequency !== 'YEARLY' && frequency !== 'HOURLY',
      `has BYYEARDAY with FREQ=${frequency}: use FREQ=YEARLY`,
    ],
    [by.BYMONTHDAY !== undefined && frequency === 'WEEKLY', 'has BYMONTHDAY with FREQ=WEEKLY: use FREQ=MONTHLY'],
    [
      counted && frequency !== 'YEARLY' && frequency !== 'MONTHLY',
      `has a number before a day of BYDAY with FREQ=${frequency}: use FREQ=MONTHLY, or leave it out`,
    ],
    [counted && by.BYWEEKNO !== undefined, 'has a number before a day of BYDAY beside BYWEEKNO: leave it out'],
    [by.BYSETPOS !== undefined && !others, 'has BYSETPOS and no other BY part: say of what'],
  ];
  for (const [wrong, problem] of refused) {
    if (wrong) refuse(`rrule ${quoted(text)} ${problem}`);
  }
}
