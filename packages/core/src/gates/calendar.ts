import { userError } from '@plumb/api';

/** Milliseconds of a day of the calendar. */
export const DAY = 86_400_000;

export interface CivilDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  date: number;
}

/** A date as the number of days since 1970-01-01. A date that is none runs over: February 31 is a day of March. */
export function dayOf(year: number, month: number, date: number): number {
  return Date.UTC(year, month - 1, date) / DAY;
}

export function civilOf(day: number): CivilDate {
  const moment = new Date(day * DAY);
  return { year: moment.getUTCFullYear(), month: moment.getUTCMonth() + 1, date: moment.getUTCDate() };
}

/** 0 is Sunday. 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return modulo(day + 4, 7);
}

/** The remainder with the divisor's sign. */
export function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/**
 * Schedules are local wall-clock time, which is a plain calendar here: milliseconds since 1970-01-01T00:00 as if every day
 * had 24 hours. Where a time zone puts them is zone.ts's.
 */
export interface Schedule {
  /** The starts on one day (days since 1970-01-01): milliseconds into it, ascending. */
  startsOn(day: number): readonly number[];
}

export const NO_STARTS: readonly number[] = [];

/** Days after which a search for a start, or for the last of many, gives up: every calendar repeats well within. */
const SEARCH_DAYS = 36_525;

/** The first local start on or after a day; null when there is none in a hundred years. */
export function firstStart(schedule: Schedule, from: number): number | null {
  return nthStart(schedule, from, 1);
}

/** The local start of this number, 1 for the first, from a day on; null when a hundred years have fewer. */
export function nthStart(schedule: Schedule, from: number, nth: number): number | null {
  let missing = nth;
  for (let day = from; day < from + SEARCH_DAYS; day++) {
    const starts = schedule.startsOn(day);
    const start = starts[missing - 1];
    if (start !== undefined) return day * DAY + start;
    missing -= starts.length;
  }
  return null;
}

const LOCAL_DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const LOCAL_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?$/;

/** A date (2026-12-24) as days since 1970-01-01; null for what is none. */
export function parseLocalDate(text: string): number | null {
  const match = LOCAL_DATE.exec(text);
  return match === null ? null : existingDay(match);
}

/** A local time (2026-11-03T12:00, with or without seconds) in milliseconds; null for what is none. */
export function parseLocalTime(text: string): number | null {
  const match = LOCAL_TIME.exec(text);
  const day = match === null ? null : existingDay(match);
  if (match === null || day === null) return null;
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6] ?? 0)];
  return hour > 23 || minute > 59 || second > 59
    ? null
    : day * DAY + hour * 3_600_000 + minute * 60_000 + second * 1000;
}

/** From 1970 on: time zones before it are guesses. */
function existingDay(match: RegExpExecArray): number | null {
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const day = dayOf(year, month, date);
  const real = civilOf(day);
  return year >= 1970 && real.year === year && real.month === month && real.date === date ? day : null;
}

/** 2026-11-03T12:00, with seconds where there are any. */
export function formatLocalTime(wall: number): string {
  return new Date(wall).toISOString().slice(0, wall % 60_000 === 0 ? 16 : 19);
}

/** A value for a message: hostile ones are long. */
export function quoted(text: string): string {
  return `'${text.length > 120 ? `${text.slice(0, 120)}...` : text}'`;
}

export function refuse(message: string): never {
  throw userError('invalid-spec', message);
}
