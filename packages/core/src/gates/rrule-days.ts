import { civilOf, dayOf, modulo, weekdayOf } from './calendar.ts';
import type { CivilDate } from './calendar.ts';
import type { ByDay, Rule } from './rrule-parts.ts';

type DayTest = (day: number, civil: CivilDate) => boolean;

/**
 * Which days the rule's parts let through, by the table of RFC 5545 section 3.3.10: whether a part there expands or limits, the days
 * that are left are those which all parts fit.
 * @param first the day of the first start, which says what the rule leaves out
 */
export function dayTest(rule: Rule, first: number): DayTest {
  const { by, byDay, weekStart } = withDefaults(rule, first);
  const tests: DayTest[] = [];
  if (by.BYMONTH !== undefined) {
    const months = new Set(by.BYMONTH);
    tests.push((_, { month }) => months.has(month));
  }
  if (by.BYMONTHDAY !== undefined) {
    const dates = new Set(by.BYMONTHDAY);
    tests.push((_, civil) => dates.has(civil.date) || dates.has(civil.date - monthLength(civil) - 1));
  }
  if (by.BYYEARDAY !== undefined) {
    const days = new Set(by.BYYEARDAY);
    tests.push((day, { year }) => days.has(day - dayOf(year, 1, 1) + 1) || days.has(day - dayOf(year + 1, 1, 1)));
  }
  if (by.BYWEEKNO !== undefined) {
    const weeks = new Set(by.BYWEEKNO);
    tests.push((day) => {
      const { number, of } = weekOf(day, weekStart);
      return weeks.has(number) || weeks.has(number - of - 1);
    });
  }
  if (byDay !== undefined) tests.push(weekdayTest(byDay, rule));
  return (day, civil) => tests.every((test) => test(day, civil));
}

/** What the rule does not say of the day is as at the first start. */
function withDefaults(rule: Rule, first: number): Pick<Rule, 'by' | 'byDay' | 'weekStart'> {
  const { by, byDay, weekStart, frequency } = rule;
  const told = [byDay, by.BYMONTHDAY, by.BYYEARDAY].some((part) => part !== undefined);
  const { month, date } = civilOf(first);
  if (told || frequency === 'DAILY' || frequency === 'HOURLY') return { by, byDay, weekStart };
  if (frequency === 'WEEKLY') return { by, byDay: [{ weekday: weekdayOf(first), nth: 0 }], weekStart };
  const months = by.BYMONTH ?? (frequency === 'YEARLY' ? [month] : undefined);
  return { by: { ...by, ...(months && { BYMONTH: months }), BYMONTHDAY: [date] }, byDay, weekStart };
}

/** A numbered day counts within the month, or within the year where no part names months. */
function weekdayTest(byDay: readonly ByDay[], { frequency, by }: Rule): DayTest {
  const each = new Set(byDay.filter(({ nth }) => nth === 0).map(({ weekday }) => weekday));
  const numbered = byDay.filter(({ nth }) => nth !== 0);
  const inMonth = frequency === 'MONTHLY' || by.BYMONTH !== undefined;
  return (day, { year, month }) => {
    const weekday = weekdayOf(day);
    if (each.has(weekday)) return true;
    if (!numbered.some((entry) => entry.weekday === weekday)) return false;
    const begin = dayOf(year, inMonth ? month : 1, 1);
    const end = inMonth ? dayOf(year, month + 1, 1) : dayOf(year + 1, 1, 1);
    const fromFront = Math.floor((day - begin) / 7) + 1;
    const fromBack = -Math.floor((end - 1 - day) / 7) - 1;
    return numbered.some((entry) => entry.weekday === weekday && (entry.nth === fromFront || entry.nth === fromBack));
  };
}

function monthLength({ year, month }: CivilDate): number {
  return dayOf(year, month + 1, 1) - dayOf(year, month, 1);
}

/** The number of a day's week, and of how many. The first week of a year is the first with four days or more in it. */
function weekOf(day: number, weekStart: number): { number: number; of: number } {
  const fourth = fourthDay(day, weekStart);
  const { year } = civilOf(fourth);
  const newYear = dayOf(year, 1, 1);
  const lastFourth = fourthDay(dayOf(year, 12, 28), weekStart);
  return { number: Math.floor((fourth - newYear) / 7) + 1, of: Math.floor((lastFourth - newYear) / 7) + 1 };
}

/** The day of a day's week that says which year the week belongs to. */
function fourthDay(day: number, weekStart: number): number {
  return day - modulo(weekdayOf(day) - weekStart, 7) + 3;
}
