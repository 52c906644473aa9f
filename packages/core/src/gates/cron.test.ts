import { describe, expect, test } from 'vitest';
import { dayOf, formatLocalTime, nthStart } from './calendar.ts';
import { cronSchedule, parseCron } from './cron.ts';

/** From Thursday, 2026-01-01. */
function firstStarts(cron: string, count: number): string[] {
  const schedule = cronSchedule(parseCron(cron));
  return Array.from({ length: count }, (_, index) => {
    const start = nthStart(schedule, dayOf(2026, 1, 1), index + 1);
    return start === null ? 'never' : formatLocalTime(start).replace('2026-', '');
  });
}

test.each([
  ['0 12 * * TUE', ['01-06T12:00', '01-13T12:00', '01-20T12:00']],
  ['0 12 * * tue', ['01-06T12:00', '01-13T12:00', '01-20T12:00']],
  ['  30  8 1 *   * ', ['01-01T08:30', '02-01T08:30', '03-01T08:30']],
  ['*/20 9-10 * * *', ['01-01T09:00', '01-01T09:20', '01-01T09:40', '01-01T10:00']],
  ['50,10,10 0 * * *', ['01-01T00:10', '01-01T00:50', '01-02T00:10']],
  ['5-59/25 7 * * *', ['01-01T07:05', '01-01T07:30', '01-01T07:55', '01-02T07:05']],
  ['0 0 * JUN-AUG/2 MON', ['06-01T00:00', '06-08T00:00']],
  ['0 0 * * 0', ['01-04T00:00', '01-11T00:00']],
  ['0 0 * * 7', ['01-04T00:00', '01-11T00:00']],
  ['0 0 * * FRI-SUN', ['01-02T00:00', '01-03T00:00', '01-04T00:00', '01-09T00:00']],
  ['0 0 * * 5-7', ['01-02T00:00', '01-03T00:00', '01-04T00:00', '01-09T00:00']],
  ['0 0 31 * *', ['01-31T00:00', '03-31T00:00', '05-31T00:00']],
  ['0 0 29 2 *', ['2028-02-29T00:00', '2032-02-29T00:00']],
])('%j starts at %j', (cron, expected) => {
  expect(firstStarts(cron, expected.length)).toEqual(expected);
});

describe('of the two day fields', () => {
  test.each([
    ['either is enough when both are restricted', '0 0 13 * FRI', ['01-02T00:00', '01-09T00:00', '01-13T00:00']],
    ['the weekday alone counts beside *', '0 0 * * FRI', ['01-02T00:00', '01-09T00:00', '01-16T00:00']],
    ['both must fit when one is * with a step', '0 0 */2 * FRI', ['01-09T00:00', '01-23T00:00', '02-13T00:00']],
    ['both must fit when the other is * with a step', '0 0 1 * */3', ['02-01T00:00', '03-01T00:00', '04-01T00:00']],
  ])('%s: %j', (_, cron, expected) => {
    expect(firstStarts(cron, expected.length)).toEqual(expected);
  });
});

test.each([
  ['', "cron '' does not have five fields: write minute hour day-of-month month day-of-week"],
  ['@daily', "cron '@daily' does not have five fields: write minute hour day-of-month month day-of-week"],
  [
    '0 0 12 * * TUE',
    "cron '0 0 12 * * TUE' does not have five fields: write minute hour day-of-month month day-of-week",
  ],
  [
    '60 * * * *',
    "minute '60' is not understood: write *, 0-59, or lists, ranges and steps of them such as 1,3-5 or */2",
  ],
  ['0 24 * * *', "hour '24' is not understood"],
  ['0 0 0 * *', "day of month '0' is not understood"],
  ['0 0 L * *', "day of month 'L' is not understood"],
  ['0 0 * 13 *', "month '13' is not understood: write *, 1-12 or JAN-DEC"],
  ['0 0 * TUE *', "month 'TUE' is not understood"],
  ['0 0 * * 8', "day of week '8' is not understood: write *, 0-7 or SUN-SAT"],
  ['0 0 * * TUE#2', "day of week 'TUE#2' is not understood"],
  ['0 0 * * SAT-FRI', "day of week 'SAT-FRI' is not understood"],
  ['5-1 * * * *', "minute '5-1' is not understood"],
  ['5/15 * * * *', "minute '5/15' is not understood"],
  ['*-5 * * * *', "minute '*-5' is not understood"],
  ['*/0 * * * *', "minute '*/0' is not understood"],
  ['1,,2 * * * *', "minute '' is not understood"],
  ['-1 * * * *', "minute '-1' is not understood"],
  ['1'.repeat(2000), 'is longer than 1000 characters: shorten it'],
])('refuses %j', (cron, problem) => {
  expect(() => parseCron(cron)).toThrow(problem);
});
