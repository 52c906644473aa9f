import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileWindow, isOpen, nextChange } from './window.ts';
import type { Window, WindowSpec } from './window.ts';

const FOUNDING: WindowSpec = { type: 'Allow', timeZone: 'America/Los_Angeles', cron: '0 12 * * TUE', duration: '6h' };
const { cron: _, ...WITHOUT_CRON } = FOUNDING;

/** Its next openings after a moment, as `2026-11-03T20:00Z 6h`, and no end as `...`. */
function openings(spec: WindowSpec, after: string, count: number): string[] {
  const window = compileWindow(spec);
  const found: string[] = [];
  let at: number | null = Date.parse(after);
  if (isOpen(window, at)) at = nextChange(window, at);
  while (at !== null && found.length < count) {
    const start = nextChange(window, at);
    const end: number | null = start === null ? null : nextChange(window, start);
    found.push(start === null ? 'none' : `${utc(start)} ${end === null ? '...' : hours(end - start)}`);
    at = end;
  }
  return found;
}

const utc = (at: number): string => new Date(at).toISOString().replace(/(:00)?\.000Z$/, 'Z');
const hours = (milliseconds: number): string => `${milliseconds / 3_600_000}h`;

describe('the founding case, Tuesdays noon to 6 PM Pacific', () => {
  const byRule: WindowSpec = {
    type: 'Allow',
    timeZone: 'America/Los_Angeles',
    rrule: 'FREQ=WEEKLY;BYDAY=TU',
    start: '2026-01-06T12:00',
    duration: '6h',
  };

  test.each([
    ['cron', FOUNDING],
    ['rrule', byRule],
  ])('is the same hours on the clock before and after it is set back and forward, by %s', (_, spec) => {
    expect(openings(spec, '2026-10-26T00:00Z', 3)).toEqual([
      '2026-10-27T19:00Z 6h',
      '2026-11-03T20:00Z 6h',
      '2026-11-10T20:00Z 6h',
    ]);
    expect(openings(spec, '2027-03-08T00:00Z', 2)).toEqual(['2027-03-09T20:00Z 6h', '2027-03-16T19:00Z 6h']);
  });

  test.each([
    ['2026-11-03T19:59:59.999Z', false],
    ['2026-11-03T20:00:00.000Z', true],
    ['2026-11-04T01:59:59.999Z', true],
    ['2026-11-04T02:00:00.000Z', false],
    // Noon by summer time, which ended two days before.
    ['2026-11-03T19:00:00.000Z', false],
    ['2026-11-04T21:00:00.000Z', false],
  ])('at %s it is open: %s', (at, open) => {
    expect(isOpen(compileWindow(FOUNDING), Date.parse(at))).toBe(open);
  });
});

describe('when the clocks change', () => {
  test.each<[string, Partial<WindowSpec> & Pick<WindowSpec, 'timeZone'>, string, string[]]>([
    [
      'a start in the gap comes as long after it began as the clock would have said',
      { timeZone: 'America/Los_Angeles', cron: '30 2 * * *' },
      '2027-03-13T12:00Z',
      ['2027-03-14T10:30Z 1h', '2027-03-15T09:30Z 1h'],
    ],
    [
      'a start in the gap, by rrule, moves no other',
      { timeZone: 'Europe/Berlin', rrule: 'FREQ=DAILY', start: '2027-03-28T02:30' },
      '2027-03-27T12:00Z',
      ['2027-03-28T01:30Z 1h', '2027-03-29T00:30Z 1h'],
    ],
    [
      'a start in the gap counts',
      { timeZone: 'Europe/Berlin', rrule: 'FREQ=DAILY;COUNT=2', start: '2027-03-28T02:30' },
      '2027-03-27T12:00Z',
      ['2027-03-28T01:30Z 1h', '2027-03-29T00:30Z 1h', 'none'],
    ],
    [
      'a start at the gap is at its beginning',
      { timeZone: 'Europe/Berlin', cron: '0 2 * * *' },
      '2027-03-27T12:00Z',
      ['2027-03-28T01:00Z 1h', '2027-03-29T00:00Z 1h'],
    ],
    [
      'a time that comes twice starts at its first coming only',
      { timeZone: 'Europe/Berlin', cron: '30 2 * * *' },
      '2027-10-30T12:00Z',
      ['2027-10-31T00:30Z 1h', '2027-11-01T01:30Z 1h'],
    ],
    [
      'every hour of the clock starts once',
      { timeZone: 'America/Los_Angeles', cron: '0 * * * *', duration: '30m' },
      '2026-11-01T07:45Z',
      ['2026-11-01T08:00Z 0.5h', '2026-11-01T10:00Z 0.5h', '2026-11-01T11:00Z 0.5h'],
    ],
    [
      'the duration goes on over a gap',
      { timeZone: 'Europe/Berlin', cron: '0 1 * * SUN', duration: '3h' },
      '2027-03-27T12:00Z',
      ['2027-03-28T00:00Z 3h', '2027-04-03T23:00Z 3h'],
    ],
    [
      'half an hour forward is half an hour',
      { timeZone: 'Australia/Lord_Howe', cron: '15 2 * * *' },
      '2026-10-02T12:00Z',
      ['2026-10-02T15:45Z 1h', '2026-10-03T15:45Z 1h', '2026-10-04T15:15Z 1h'],
    ],
    [
      'half an hour back is half an hour',
      { timeZone: 'Australia/Lord_Howe', cron: '45 1 * * *', duration: '10m' },
      '2027-04-03T12:00Z',
      ['2027-04-03T14:45Z 0.16666666666666666h', '2027-04-04T15:15Z 0.16666666666666666h'],
    ],
    [
      'an offset of quarters of an hour is kept',
      { timeZone: 'Asia/Kathmandu', cron: '0 0 1 1 *' },
      '2026-06-01T00:00Z',
      ['2026-12-31T18:15Z 1h', '2027-12-31T18:15Z 1h'],
    ],
    [
      'a day that a country skipped starts with the next one, once',
      { timeZone: 'Pacific/Apia', cron: '0 12 * * *' },
      '2011-12-29T00:00Z',
      ['2011-12-29T22:00Z 1h', '2011-12-30T22:00Z 1h', '2011-12-31T22:00Z 1h'],
    ],
    [
      'the weekday that a country skipped is the next day, and the next of UTC too',
      { timeZone: 'Pacific/Apia', cron: '0 15 * * FRI' },
      '2011-12-24T02:00Z',
      ['2011-12-31T01:00Z 1h', '2012-01-06T01:00Z 1h'],
    ],
    [
      'the weekday that a country skipped is the next day',
      { timeZone: 'Pacific/Apia', cron: '0 12 * * FRI' },
      '2011-12-24T00:00Z',
      ['2011-12-30T22:00Z 1h', '2012-01-05T22:00Z 1h'],
    ],
  ])('%s', (_, spec, after, expected) => {
    expect(openings({ type: 'Allow', duration: '1h', ...spec }, after, expected.length)).toEqual(expected);
  });

  test('a whole day of the clock is not always 24 hours', () => {
    const spec: WindowSpec = { type: 'Deny', timeZone: 'America/Los_Angeles', cron: '0 0 * * *', duration: '24h' };
    const window = compileWindow(spec);
    expect(isOpen(window, Date.parse('2026-11-02T07:30Z'))).toBe(false);
    expect(nextChange(compileWindow({ ...spec, duration: '25h' }), Date.parse('2026-11-02T07:30Z'))).toBeNull();
  });
});

describe('exceptDates', () => {
  test.each<[string, WindowSpec, string, string[]]>([
    [
      'drop the starts of a local date',
      { ...FOUNDING, exceptDates: ['2026-11-03', '2026-11-17'] },
      '2026-11-01T00:00Z',
      ['2026-11-10T20:00Z 6h', '2026-11-24T20:00Z 6h'],
    ],
    [
      'let what started the day before go on',
      { ...FOUNDING, cron: '0 22 * * *', exceptDates: ['2026-12-25'] },
      '2026-12-24T12:00Z',
      ['2026-12-25T06:00Z 6h', '2026-12-27T06:00Z 6h'],
    ],
    [
      'are counted by COUNT',
      { ...WITHOUT_CRON, rrule: 'FREQ=WEEKLY;COUNT=2', start: '2026-11-03T12:00', exceptDates: ['2026-11-03'] },
      '2026-11-01T00:00Z',
      ['2026-11-10T20:00Z 6h', 'none'],
    ],
    [
      'hold for the date that the clock shows where the start was in a gap over midnight',
      { ...FOUNDING, cron: '30 23 * * *', timeZone: 'America/Nuuk', duration: '1h', exceptDates: ['2027-03-28'] },
      '2027-03-27T12:00Z',
      ['2027-03-30T00:30Z 1h'],
    ],
  ])('%s', (_, spec, after, expected) => {
    expect(openings(spec, after, expected.length)).toEqual(expected);
  });
});

describe('openings that touch or overlap are one', () => {
  test.each<[string, string, string, string[]]>([
    ['0,30 12 * * TUE', '30m', '2026-11-01T00:00Z', ['2026-11-03T20:00Z 1h', '2026-11-10T20:00Z 1h']],
    ['0 12 * * TUE,WED', '30h', '2026-11-01T00:00Z', ['2026-11-03T20:00Z 54h', '2026-11-10T20:00Z 54h']],
    ['* 12 * * TUE', '1m', '2026-11-01T00:00Z', ['2026-11-03T20:00Z 1h']],
  ])('%s for %s', (cron, duration, after, expected) => {
    expect(openings({ ...FOUNDING, cron, duration }, after, expected.length)).toEqual(expected);
  });
});

describe('the next change', () => {
  test.each<[string, Partial<WindowSpec>]>([
    ['when it is always open', { cron: '0 0 * * *', duration: '48h' }],
    ['when it is over', { rrule: 'FREQ=DAILY;UNTIL=20260101T000000Z', start: '2025-12-01T00:00' }],
    ['when it is beyond five years', { rrule: 'FREQ=DAILY', start: '2040-01-01T00:00' }],
  ])('is none %s', (_, parts) => {
    const window = compileWindow({ type: 'Allow', timeZone: 'Europe/Berlin', duration: '6h', ...parts });
    expect(nextChange(window, Date.parse('2026-11-27T00:00Z'))).toBeNull();
  });

  test('comes into sight as time goes on', () => {
    const spec: WindowSpec = {
      type: 'Allow',
      timeZone: 'UTC',
      rrule: 'FREQ=DAILY',
      start: '2040-01-01T00:00',
      duration: '6h',
    };
    const window = compileWindow(spec);
    expect(nextChange(window, Date.parse('2026-11-27T00:00Z'))).toBeNull();
    expect(nextChange(window, Date.parse('2038-11-27T00:00Z'))).toBe(Date.parse('2040-01-01T00:00Z'));
  });

  test('ends with the moment of an UNTIL in UTC, whatever the clock shows', () => {
    const spec: WindowSpec = {
      type: 'Allow',
      timeZone: 'America/Los_Angeles',
      rrule: 'FREQ=DAILY;UNTIL=20261102T200000Z',
      start: '2026-10-31T12:00',
      duration: '1h',
    };
    expect(openings(spec, '2026-10-30T00:00Z', 4)).toEqual([
      '2026-10-31T19:00Z 1h',
      '2026-11-01T20:00Z 1h',
      '2026-11-02T20:00Z 1h',
      'none',
    ]);
  });
});

test('the answer depends on nothing but the moment: not on what was asked before, by a clock that went back or forth', () => {
  const specs: WindowSpec[] = [
    FOUNDING,
    { ...FOUNDING, cron: '*/7 * * * *', duration: '5m' },
    { ...FOUNDING, cron: '0 0 * * *', duration: '24h' },
    { ...FOUNDING, cron: '0 0 1 * *', duration: '700h', exceptDates: ['2026-12-01'] },
  ];
  const moment = fc.integer({ min: Date.parse('2026-10-01T00:00Z'), max: Date.parse('2027-04-01T00:00Z') });
  fc.assert(
    fc.property(fc.constantFrom(...specs), fc.array(moment, { maxLength: 20 }), (spec, moments) => {
      const asked = compileWindow(spec);
      const answers = (window: Window, at: number): unknown => [
        isOpen(window, at),
        nextChange(window, at),
        isOpen(window, at),
      ];
      for (const at of moments) expect(answers(asked, at)).toEqual(answers(compileWindow(spec), at));
    }),
  );
});
