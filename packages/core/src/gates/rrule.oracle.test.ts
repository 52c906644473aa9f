import fc from 'fast-check';
import * as library from 'rrule';
import { expect, test } from 'vitest';
import { DAY, formatLocalTime } from './calendar.ts';
import { parseRule } from './rrule-parts.ts';
import { ruleFrom } from './rrule.ts';

const DAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const YEARS = 6;
const signed = (max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 1, max }), fc.integer({ min: -max, max: -1 }));
const list = (values: fc.Arbitrary<number>, max: number): fc.Arbitrary<readonly number[] | undefined> =>
  fc.option(fc.uniqueArray(values, { minLength: 1, maxLength: max }).map(inOrder), { nil: undefined });
// The library takes them as they come.
const inOrder = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);

const drawn = fc.record({
  freq: fc.constantFrom('YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY'),
  interval: fc.integer({ min: 1, max: 4 }),
  weekStart: fc.constantFrom(...DAYS),
  months: list(fc.integer({ min: 1, max: 12 }), 4),
  dates: list(signed(31), 10),
  yearDays: list(signed(366), 20),
  // Of a year of 52 weeks the week -52 is the first, whose days in the December before it the library leaves out, as it does in some years
  // with the days of a week 52 in the January after it.
  weeks: list(
    signed(52).filter((week) => Math.abs(week) !== 52),
    8,
  ),
  // Days with numbers beside days without the library wants to be both.
  days: fc.option(
    fc.oneof(
      fc.uniqueArray(fc.tuple(fc.constant(0), fc.constantFrom(...DAYS)), { minLength: 1, maxLength: 4 }),
      fc.uniqueArray(fc.tuple(signed(5), fc.constantFrom(...DAYS)), { minLength: 1, maxLength: 4 }),
    ),
    { nil: undefined },
  ),
  hours: list(fc.nat({ max: 23 }), 3),
  minutes: list(fc.nat({ max: 59 }), 2),
  // Of a set of one the library takes the second from the end to be the first, and what two positions mean it says twice.
  positions: list(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(-1)), 1),
});
type Drawn = typeof drawn extends fc.Arbitrary<infer Value> ? Value : never;

/** Leaves out what does not go together. */
function ruleText(rule: Drawn): string {
  const { freq } = rule;
  const numbered = freq === 'MONTHLY' || freq === 'YEARLY';
  const weeks = freq === 'YEARLY' && rule.days !== undefined ? rule.weeks : undefined;
  const days = rule.days?.map(([nth, day]) => (nth === 0 || !numbered || weeks !== undefined ? day : `${nth}${day}`));
  const parts: Record<string, readonly (string | number)[] | undefined> = {
    BYMONTH: rule.months,
    BYMONTHDAY: freq === 'WEEKLY' ? undefined : rule.dates,
    BYYEARDAY: freq === 'YEARLY' || freq === 'HOURLY' ? rule.yearDays : undefined,
    BYWEEKNO: weeks,
    BYDAY: days,
    BYHOUR: rule.hours,
    BYMINUTE: rule.minutes,
  };
  const told = Object.entries(parts).filter(([, values]) => values !== undefined);
  // The first week the library counts from the start on, not from the week's beginning.
  if (told.length > 0 && freq !== 'WEEKLY') told.push(['BYSETPOS', rule.positions]);
  const texts = told.flatMap(([name, values]) => (values === undefined ? [] : [`${name}=${values.join(',')}`]));
  return [`FREQ=${freq}`, `INTERVAL=${rule.interval}`, `WKST=${rule.weekStart}`, ...texts].join(';');
}

/** In UTC, where a day is a day. */
function libraryStarts(text: string, base: number, count: number): number[] {
  const options = { ...library.RRule.parseString(text), dtstart: new Date(base) };
  const dates = new library.RRule(options).all((_, index) => index < count);
  return dates.map((date) => date.getTime());
}

function ourStarts(text: string, base: number, count: number): number[] {
  const { startsOn } = ruleFrom(parseRule(text), base);
  const found: number[] = [];
  for (let day = Math.floor(base / DAY); found.length < count && day < base / DAY + YEARS * 366; day++) {
    found.push(...startsOn(day).map((time) => day * DAY + time));
  }
  return found.slice(0, count);
}

const bases = fc
  .integer({ min: Date.UTC(2020, 0) / 60_000, max: Date.UTC(2032, 0) / 60_000 })
  .map((minute) => minute * 60_000);

test('a rule starts in local time when a library says it does in UTC', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(drawn, bases, (rule, base) => {
      const text = ruleText(rule);
      const found = ourStarts(text, base, 30);
      // The library looks for what never comes until the year 9999.
      fc.pre(found.length > 0);
      expect(found.map(formatLocalTime)).toEqual(libraryStarts(text, base, found.length).map(formatLocalTime));
    }),
    { numRuns: 300 },
  );
});
