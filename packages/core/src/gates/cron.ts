import { civilOf, NO_STARTS, quoted, refuse, weekdayOf } from './calendar.ts';
import type { Schedule } from './calendar.ts';

interface Field {
  what: string;
  low: number;
  high: number;
  /** The value of the first name is `low`. */
  names: readonly string[];
  /** For messages. */
  values: string;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const MINUTE: Field = { what: 'minute', low: 0, high: 59, names: [], values: '0-59' };
const HOUR: Field = { what: 'hour', low: 0, high: 23, names: [], values: '0-23' };
const DATE: Field = { what: 'day of month', low: 1, high: 31, names: [], values: '1-31' };
const MONTH: Field = { what: 'month', low: 1, high: 12, names: MONTHS, values: '1-12 or JAN-DEC' };
const WEEKDAY: Field = { what: 'day of week', low: 0, high: 7, names: WEEKDAYS, values: '0-7 or SUN-SAT' };
const FIELDS = [MINUTE, HOUR, DATE, MONTH, WEEKDAY];

const MAX_LENGTH = 1000;
const ITEM = /^(?:\*|(\d{1,2}|[A-Z]{3})(?:-(\d{1,2}|[A-Z]{3}))?)(?:\/(\d{1,2}))?$/;

export interface Cron {
  minutes: readonly number[];
  hours: readonly number[];
  dates: ReadonlySet<number>;
  months: ReadonlySet<number>;
  /** 0 is Sunday. */
  weekdays: ReadonlySet<number>;
  /**
   * Whether one of the two day fields is enough. crontab(5): when both are restricted, that is, when neither begins with `*`.
   * So `*` with a step is not restricted, and both must then fit.
   */
  eitherDay: boolean;
}

/**
 * Reads five fields: minute, hour, day of month, month, day of week, as crontab(5) has them, without its `@daily` and the like.
 * Names may stand in ranges and lists too; `SUN` at the end of a range is the Sunday after it.
 */
export function parseCron(text: string): Cron {
  if (text.length > MAX_LENGTH) refuse(`cron ${quoted(text)} is longer than ${MAX_LENGTH} characters: shorten it`);
  const fields = text.trim().toUpperCase().split(/\s+/);
  if (fields.length !== FIELDS.length) {
    refuse(`cron ${quoted(text)} does not have five fields: write minute hour day-of-month month day-of-week`);
  }
  const values = FIELDS.map((field, index) => parseField(field, fields[index] ?? '', text));
  const [minutes = [], hours = [], dates = [], months = [], weekdays = []] = values;
  return {
    minutes,
    hours,
    dates: new Set(dates),
    months: new Set(months),
    weekdays: new Set(weekdays.map((weekday) => weekday % 7)),
    eitherDay: [fields[2], fields[4]].every((field) => field?.startsWith('*') === false),
  };
}

export function cronSchedule(cron: Cron): Schedule {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => (hour * 60 + minute) * 60_000));
  return {
    startsOn: (day) => {
      const { month, date } = civilOf(day);
      if (!cron.months.has(month)) return NO_STARTS;
      const [byDate, byWeekday] = [cron.dates.has(date), cron.weekdays.has(weekdayOf(day))];
      return (cron.eitherDay ? byDate || byWeekday : byDate && byWeekday) ? times : NO_STARTS;
    },
  };
}

/** Ascending, each once. */
function parseField(field: Field, text: string, cron: string): number[] {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const range = parseItem(field, item);
    if (range === null) {
      refuse(
        `cron ${quoted(cron)}: ${field.what} ${quoted(item)} is not understood: ` +
          `write *, ${field.values}, or lists, ranges and steps of them such as ${field.low + 1},${field.low + 3}-5 or */2`,
      );
    }
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function parseItem(field: Field, item: string): { from: number; to: number; step: number } | null {
  const match = ITEM.exec(item);
  if (match === null) return null;
  const [, first, last, every] = match;
  const step = Number(every ?? 1);
  if (step === 0) return null;
  if (first === undefined) return { from: field.low, to: field === WEEKDAY ? 6 : field.high, step };
  // A step over a single value means one thing to some programs and another to others; a range says which.
  if (last === undefined && every !== undefined) return null;
  const from = valueOf(field, first);
  const to = last === undefined ? from : endOf(field, last);
  return from === null || to === null || from > to ? null : { from, to, step };
}

function endOf(field: Field, text: string): number | null {
  return field === WEEKDAY && text === 'SUN' ? 7 : valueOf(field, text);
}

function valueOf(field: Field, text: string): number | null {
  const named = field.names.indexOf(text);
  const value = named >= 0 ? field.low + named : Number(text);
  return value >= field.low && value <= field.high ? value : null;
}
