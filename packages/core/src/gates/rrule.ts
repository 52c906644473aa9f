import {
  civilOf,
  DAY,
  dayOf,
  firstStart,
  formatLocalTime,
  modulo,
  nthStart,
  NO_STARTS,
  quoted,
  refuse,
  weekdayOf,
} from './calendar.ts';
import type { CivilDate, Schedule } from './calendar.ts';
import { dayTest } from './rrule-days.ts';
import type { Rule } from './rrule-parts.ts';

/** As many as cron can have. */
const MAX_STARTS_A_DAY = 1440;
const HOUR = 3_600_000;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

/**
 * The starts of a rule in local time, from its first start on. That must itself be one, since what a rule means from another start is
 * undefined (RFC 5545 section 3.8.5.3).
 * @param start local milliseconds
 */
export function rruleSchedule(rule: Rule, start: number): Schedule {
  const unending = ruleFrom(rule, start);
  const first = firstStart(unending, Math.floor(start / DAY));
  if (first === null) refuse(`rrule ${quoted(rule.text)} never starts: no date is like that`);
  if (first !== start) {
    refuse(
      `start ${formatLocalTime(start)} is no start of rrule ${quoted(rule.text)}: give one, such as ${formatLocalTime(first)}`,
    );
  }
  const last = lastStart(rule, unending, start);
  if (last < start)
    refuse(`rrule ${quoted(rule.text)} ends before its start ${formatLocalTime(start)}: give a later UNTIL`);
  return until(last, unending);
}

/** What a rule names from a local time on, start or not, without an end. */
export function ruleFrom(rule: Rule, start: number): Schedule {
  return from(start, rule.frequency === 'HOURLY' ? hourly(rule, start) : byDays(rule, start));
}

/** Local milliseconds; Infinity when it goes on, or when its end is a moment and no local time. */
function lastStart(rule: Rule, schedule: Schedule, start: number): number {
  if (rule.until !== null) return 'local' in rule.until ? rule.until.local : Infinity;
  if (rule.count === null) return Infinity;
  const last = nthStart(schedule, Math.floor(start / DAY), rule.count);
  if (last !== null) return last;
  return refuse(
    `rrule ${quoted(rule.text)} has not started ${rule.count} times within a hundred years: give a smaller COUNT, or leave it out`,
  );
}

/** YEARLY to DAILY: days, each with the same times, of which BYSETPOS chooses in each period. */
function byDays(rule: Rule, start: number): Schedule {
  const { by, interval } = rule;
  const first = Math.floor(start / DAY);
  const times = timesOf(by.BYHOUR ?? [Math.floor((start % DAY) / HOUR)], timesInHour(rule, start), rule);
  const isDay = dayTest(rule, first);
  const period = periods(rule);
  const phase = period(first, civilOf(first));
  const chosen = by.BYSETPOS === undefined ? null : chooser(rule, isDay, times);
  return {
    startsOn: (day) => {
      const civil = civilOf(day);
      if (modulo(period(day, civil) - phase, interval) !== 0 || !isDay(day, civil)) return NO_STARTS;
      return chosen === null ? times : chosen(day, civil);
    },
  };
}

/** HOURLY: every so many hours of the wall clock. */
function hourly(rule: Rule, start: number): Schedule {
  const { by, interval } = rule;
  const all = timesInHour(rule, start);
  const times = by.BYSETPOS === undefined ? all : positions(by.BYSETPOS, all.length).map((index) => all[index] ?? 0);
  const hours = by.BYHOUR ?? HOURS;
  timesOf(hours, times, rule);
  const isDay = dayTest(rule, Math.floor(start / DAY));
  const phase = Math.floor(start / HOUR);
  return {
    startsOn: (day) => {
      if (!isDay(day, civilOf(day))) return NO_STARTS;
      const due = hours.filter((hour) => modulo(day * 24 + hour - phase, interval) === 0);
      return due.flatMap((hour) => times.map((time) => hour * HOUR + time));
    },
  };
}

function timesInHour({ by }: Rule, start: number): number[] {
  const minutes = by.BYMINUTE ?? [Math.floor((start % HOUR) / 60_000)];
  const seconds = by.BYSECOND ?? [Math.floor((start % 60_000) / 1000)];
  return minutes.flatMap((minute) => seconds.map((second) => minute * 60_000 + second * 1000));
}

function timesOf(hours: readonly number[], inHour: readonly number[], rule: Rule): readonly number[] {
  const count = hours.length * inHour.length;
  if (count > MAX_STARTS_A_DAY) {
    refuse(
      `rrule ${quoted(rule.text)} starts ${count} times a day: make that at most ${MAX_STARTS_A_DAY}, with a longer duration`,
    );
  }
  return hours.flatMap((hour) => inHour.map((time) => hour * HOUR + time));
}

/** The number of a day's period: two days are in one when it is the same, in the next when it is one more. */
function periods({ frequency, weekStart }: Rule): (day: number, civil: CivilDate) => number {
  switch (frequency) {
    case 'YEARLY':
      return (_, { year }) => year;
    case 'MONTHLY':
      return (_, { year, month }) => year * 12 + month;
    case 'WEEKLY':
      return (day) => Math.floor((day + 4 - weekStart) / 7);
    default:
      return (day) => day;
  }
}

/** The first day of a day's period and the first after it. */
function boundsOf({ frequency, weekStart }: Rule, day: number, { year, month }: CivilDate): [number, number] {
  switch (frequency) {
    case 'YEARLY':
      return [dayOf(year, 1, 1), dayOf(year + 1, 1, 1)];
    case 'MONTHLY':
      return [dayOf(year, month, 1), dayOf(year, month + 1, 1)];
    case 'WEEKLY': {
      const first = day - modulo(weekdayOf(day) - weekStart, 7);
      return [first, first + 7];
    }
    default:
      return [day, day + 1];
  }
}

type DayTest = ReturnType<typeof dayTest>;

/** The starts that BYSETPOS leaves of a day. Those of one period are found together, and kept until another is asked for. */
function chooser(rule: Rule, isDay: DayTest, times: readonly number[]): DayTestTimes {
  let kept: { from: number; to: number; starts: ReadonlyMap<number, number[]> } = { from: 0, to: 0, starts: new Map() };
  return (day, civil) => {
    if (day < kept.from || day >= kept.to) {
      const [first, after] = boundsOf(rule, day, civil);
      const days: number[] = [];
      for (let each = first; each < after; each++) if (isDay(each, civilOf(each))) days.push(each);
      kept = { from: first, to: after, starts: choose(rule.by.BYSETPOS ?? [], days, times) };
    }
    return kept.starts.get(day) ?? NO_STARTS;
  };
}

type DayTestTimes = (day: number, civil: CivilDate) => readonly number[];

/** Counts through days × times without making all of them. */
function choose(wanted: readonly number[], days: readonly number[], times: readonly number[]): Map<number, number[]> {
  const starts = new Map<number, number[]>();
  for (const index of positions(wanted, days.length * times.length)) {
    const day = days[Math.floor(index / times.length)] ?? 0;
    const time = times[index % times.length] ?? 0;
    const ofDay = starts.get(day);
    if (ofDay === undefined) starts.set(day, [time]);
    else ofDay.push(time);
  }
  return starts;
}

/** Indices of a set of so many: the first is 1, the last -1. Ascending, each once. */
function positions(wanted: readonly number[], size: number): number[] {
  const indices = wanted.map((position) => (position > 0 ? position - 1 : size + position));
  return [...new Set(indices)].filter((index) => index >= 0 && index < size).sort((a, b) => a - b);
}

function from(start: number, schedule: Schedule): Schedule {
  return cut(schedule, Math.floor(start / DAY), (day, time) => day * DAY + time >= start);
}

function until(last: number, schedule: Schedule): Schedule {
  return last === Infinity ? schedule : cut(schedule, Math.floor(last / DAY), (day, time) => day * DAY + time <= last);
}

function cut(schedule: Schedule, edge: number, keeps: (day: number, time: number) => boolean): Schedule {
  return {
    startsOn: (day) => {
      if (day !== edge) return keeps(day, 0) ? schedule.startsOn(day) : NO_STARTS;
      return schedule.startsOn(day).filter((time) => keeps(day, time));
    },
  };
}
