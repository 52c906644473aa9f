import { describe, expect, test } from 'vitest';
import { DAY, formatLocalTime, nthStart, parseLocalTime } from './calendar.ts';
import { parseRule } from './rrule-parts.ts';
import { rruleSchedule } from './rrule.ts';

function firstStarts(rrule: string, start: string, count: number): string[] {
  const first = parseLocalTime(start) ?? Number.NaN;
  const schedule = rruleSchedule(parseRule(rrule), first);
  return Array.from({ length: count }, (_, index) => {
    const found = nthStart(schedule, Math.floor(first / DAY), index + 1);
    return found === null ? 'never' : formatLocalTime(found);
  });
}

/** Days, and times of day when there is more than one. */
const AT_NINE = (days: string): string[] => days.split(' ').map((day) => `${day}T09:00`);

test.each([
  ['FREQ=DAILY', '2026-02-27T09:00', AT_NINE('2026-02-27 2026-02-28 2026-03-01')],
  ['freq=daily;interval=10', '2026-01-01T09:00', AT_NINE('2026-01-01 2026-01-11 2026-01-21')],
  ['FREQ=DAILY;COUNT=2', '2026-01-01T09:00', [...AT_NINE('2026-01-01 2026-01-02'), 'never']],
  ['FREQ=DAILY;UNTIL=20260102T090000', '2026-01-01T09:00', [...AT_NINE('2026-01-01 2026-01-02'), 'never']],
  ['FREQ=DAILY;UNTIL=20260102T085959', '2026-01-01T09:00', [...AT_NINE('2026-01-01'), 'never']],
  ['FREQ=DAILY;BYMONTH=2,1;BYMONTHDAY=1', '2026-01-01T09:00', AT_NINE('2026-01-01 2026-02-01 2027-01-01')],
  ['FREQ=DAILY;BYDAY=SA,SU', '2026-01-03T09:00', AT_NINE('2026-01-03 2026-01-04 2026-01-10')],
  ['FREQ=WEEKLY', '2026-11-03T09:00', AT_NINE('2026-11-03 2026-11-10 2026-11-17')],
  ['FREQ=WEEKLY;BYDAY=TU,TH', '2026-11-05T09:00', AT_NINE('2026-11-05 2026-11-10 2026-11-12')],
  // RFC 5545's own example of what WKST is for.
  [
    'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO',
    '1997-08-05T09:00',
    AT_NINE('1997-08-05 1997-08-10 1997-08-19 1997-08-24'),
  ],
  [
    'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU',
    '1997-08-05T09:00',
    AT_NINE('1997-08-05 1997-08-17 1997-08-19 1997-08-31'),
  ],
  ['FREQ=MONTHLY', '2026-01-31T09:00', AT_NINE('2026-01-31 2026-03-31 2026-05-31')],
  ['FREQ=MONTHLY;BYMONTHDAY=-1', '2026-01-31T09:00', AT_NINE('2026-01-31 2026-02-28 2026-03-31')],
  ['FREQ=MONTHLY;BYDAY=2TU', '2026-01-13T09:00', AT_NINE('2026-01-13 2026-02-10 2026-03-10')],
  ['FREQ=MONTHLY;BYDAY=-1FR', '2026-01-30T09:00', AT_NINE('2026-01-30 2026-02-27 2026-03-27')],
  ['FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13', '2026-02-13T09:00', AT_NINE('2026-02-13 2026-03-13 2026-11-13')],
  ['FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=10,20', '2026-01-20T09:00', AT_NINE('2026-01-20 2026-04-10 2026-04-20')],
  ['FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', '2026-01-30T09:00', AT_NINE('2026-01-30 2026-02-27 2026-03-31')],
  ['FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3', '2026-01-07T09:00', AT_NINE('2026-01-07 2026-02-05 2026-03-05')],
  ['FREQ=YEARLY', '2028-02-29T09:00', AT_NINE('2028-02-29 2032-02-29')],
  ['FREQ=YEARLY;BYMONTH=6,7', '2026-06-10T09:00', AT_NINE('2026-06-10 2026-07-10 2027-06-10')],
  ['FREQ=YEARLY;BYDAY=20MO', '2026-05-18T09:00', AT_NINE('2026-05-18 2027-05-17 2028-05-15')],
  ['FREQ=YEARLY;BYDAY=1SU;BYMONTH=4', '2026-04-05T09:00', AT_NINE('2026-04-05 2027-04-04 2028-04-02')],
  ['FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO', '1997-05-12T09:00', AT_NINE('1997-05-12 1998-05-11 1999-05-17')],
  ['FREQ=YEARLY;WKST=MO;BYWEEKNO=52;BYDAY=SA', '2022-01-01T09:00', AT_NINE('2022-01-01 2022-12-31 2023-12-30')],
  ['FREQ=YEARLY;BYWEEKNO=-52;BYDAY=MO', '2024-01-01T09:00', AT_NINE('2024-01-01 2024-12-30 2026-01-05')],
  ['FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO', '2026-12-28T09:00', AT_NINE('2026-12-28 2027-12-27 2028-12-25')],
  [
    'FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,100,-1',
    '2026-01-01T09:00',
    AT_NINE('2026-01-01 2026-04-10 2026-12-31 2029-01-01'),
  ],
  // RFC 5545: the presidential election day.
  [
    'FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8',
    '1996-11-05T09:00',
    AT_NINE('1996-11-05 2000-11-07 2004-11-02'),
  ],
  [
    'FREQ=DAILY;BYHOUR=9,8;BYMINUTE=30,0',
    '2026-01-01T08:30',
    ['2026-01-01T08:30', '2026-01-01T09:00', '2026-01-01T09:30', '2026-01-02T08:00'],
  ],
  ['FREQ=DAILY;BYHOUR=9,17;BYSETPOS=-1', '2026-01-01T17:00', ['2026-01-01T17:00', '2026-01-02T17:00']],
  ['FREQ=HOURLY;INTERVAL=7', '2026-01-01T20:15', ['2026-01-01T20:15', '2026-01-02T03:15', '2026-01-02T10:15']],
  [
    'FREQ=HOURLY;BYHOUR=9,10;BYMINUTE=0,30;BYSETPOS=2',
    '2026-01-01T09:30',
    ['2026-01-01T09:30', '2026-01-01T10:30', '2026-01-02T09:30'],
  ],
  ['FREQ=DAILY', '2026-01-01T09:00:30', ['2026-01-01T09:00:30', '2026-01-02T09:00:30']],
])('%j from %j starts at %j', (rrule, start, expected) => {
  expect(firstStarts(rrule, start, expected.length)).toEqual(expected);
});

const MINUTES = Array.from({ length: 60 }, (_, minute) => minute).join(',');
const LONG = `FREQ=DAILY;BYMINUTE=${'0,'.repeat(1000)}0`;

describe('refuses', () => {
  test.each([
    ['', "rrule '': '' is not known: write FREQ, INTERVAL, COUNT, UNTIL, WKST, BYDAY"],
    ['RRULE:FREQ=DAILY', "'RRULE:FREQ=DAILY' is not known"],
    ['DTSTART=20260101T090000;FREQ=DAILY', "'DTSTART=20260101T090000' is not known"],
    ['FREQ=DAILY;BYEASTER=1', "'BYEASTER=1' is not known"],
    ['FREQ=DAILY;', "'' is not known"],
    ['FREQ=DAILY;COUNT', "'COUNT' is not known"],
    ['FREQ=DAILY;FREQ=WEEKLY', "rrule 'FREQ=DAILY;FREQ=WEEKLY' has FREQ twice: keep one"],
    ['INTERVAL=2', "rrule 'INTERVAL=2' has no FREQ: give one of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY"],
    ['FREQ=SECONDLY', "rrule part 'FREQ=SECONDLY' is not taken: use YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY"],
    ['FREQ=MINUTELY', "rrule part 'FREQ=MINUTELY' is not taken"],
    ['FREQ=DAILY;INTERVAL=0', "rrule part 'INTERVAL=0' is not understood: give a number from 1 to 100000"],
    ['FREQ=DAILY;COUNT=-1', "rrule part 'COUNT=-1' is not understood"],
    ['FREQ=DAILY;COUNT=9999999999', "rrule part 'COUNT=9999999999' is not understood"],
    [
      'FREQ=DAILY;BYHOUR=24',
      "rrule part 'BYHOUR=24' is not understood: give numbers from 0 to 23, with commas between",
    ],
    ['FREQ=DAILY;BYHOUR=-1', "rrule part 'BYHOUR=-1' is not understood"],
    ['FREQ=DAILY;BYSECOND=60', "rrule part 'BYSECOND=60' is not understood"],
    [
      'FREQ=MONTHLY;BYMONTHDAY=0',
      "rrule part 'BYMONTHDAY=0' is not understood: give numbers from 1 to 31 or -31 to -1",
    ],
    ['FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=400', "rrule part 'BYSETPOS=400' is not understood"],
    ['FREQ=WEEKLY;BYDAY=TUE', "rrule part 'BYDAY=TUE' is not understood: give days as MO, TU, 1FR or -1SU"],
    ['FREQ=MONTHLY;BYDAY=0TU', "rrule part 'BYDAY=0TU' is not understood"],
    ['FREQ=WEEKLY;WKST=1MO', "rrule part 'WKST=1MO' is not understood: give days as MO or SU"],
    [
      'FREQ=DAILY;UNTIL=20261231',
      "rrule part 'UNTIL=20261231' is not understood: give the last start in local time as 20261231T235959",
    ],
    ['FREQ=DAILY;UNTIL=20260230T000000', "rrule part 'UNTIL=20260230T000000' is not understood"],
    ['FREQ=DAILY;COUNT=2;UNTIL=20261231T000000', 'has both COUNT and UNTIL: keep one'],
    ['FREQ=MONTHLY;BYWEEKNO=20;BYDAY=MO', 'has BYWEEKNO without FREQ=YEARLY: change one of them'],
    ['FREQ=YEARLY;BYWEEKNO=20', 'has BYWEEKNO without BYDAY: say which days of those weeks'],
    ['FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO', 'has a number before a day of BYDAY beside BYWEEKNO: leave it out'],
    ['FREQ=DAILY;BYYEARDAY=1', 'has BYYEARDAY with FREQ=DAILY: use FREQ=YEARLY'],
    ['FREQ=WEEKLY;BYMONTHDAY=1', 'has BYMONTHDAY with FREQ=WEEKLY: use FREQ=MONTHLY'],
    ['FREQ=WEEKLY;BYDAY=1TU', 'has a number before a day of BYDAY with FREQ=WEEKLY: use FREQ=MONTHLY, or leave it out'],
    ['FREQ=MONTHLY;BYSETPOS=1', 'has BYSETPOS and no other BY part: say of what'],
    [LONG, 'is longer than 1000 characters: shorten it'],
  ])('%j', (rrule, problem) => {
    expect(() => parseRule(rrule)).toThrow(problem);
  });

  test.each([
    [
      'a start that is none',
      'FREQ=WEEKLY;BYDAY=TU',
      '2026-11-04T12:00',
      "start 2026-11-04T12:00 is no start of rrule 'FREQ=WEEKLY;BYDAY=TU': give one, such as 2026-11-10T12:00",
    ],
    [
      'a date that never comes',
      'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31',
      '2026-01-01T12:00',
      'never starts: no date is like that',
    ],
    ['hours that the interval skips', 'FREQ=HOURLY;INTERVAL=2;BYHOUR=1', '2026-01-01T12:00', 'never starts'],
    [
      'an end before the start',
      'FREQ=DAILY;UNTIL=20251231T235959',
      '2026-01-01T12:00',
      'ends before its start 2026-01-01T12:00: give a later UNTIL',
    ],
    [
      'a count that takes centuries',
      'FREQ=YEARLY;COUNT=100000',
      '2026-01-01T12:00',
      'has not started 100000 times within a hundred years: give a smaller COUNT, or leave it out',
    ],
    [
      'every second',
      `FREQ=HOURLY;BYMINUTE=${MINUTES};BYSECOND=${MINUTES}`,
      '2026-01-01T12:00',
      'starts 86400 times a day: make that at most 1440, with a longer duration',
    ],
    [
      'every second of a year, of which BYSETPOS takes one',
      `FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=${MINUTES.slice(0, 61)};BYMINUTE=${MINUTES};BYSECOND=${MINUTES};BYSETPOS=-1`,
      '2026-12-31T23:59:59',
      'starts 86400 times a day',
    ],
  ])('%s', (_, rrule, start, problem) => {
    expect(() => firstStarts(rrule, start, 1)).toThrow(problem);
  });
});

test('BYSETPOS counts through the widest set there can be', () => {
  const rrule = `FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=${MINUTES.slice(0, 61)};BYMINUTE=${MINUTES};BYSETPOS=-1,2`;
  const expected = ['2026-12-31T23:59', '2027-01-01T00:01', '2027-12-31T23:59', '2028-01-01T00:01'];
  expect(firstStarts(rrule, '2026-12-31T23:59', 4)).toEqual(expected);
});
