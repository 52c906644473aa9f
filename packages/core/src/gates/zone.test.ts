import { describe, expect, test } from 'vitest';
import { DAY } from './calendar.ts';
import { cronSchedule, parseCron } from './cron.ts';
import { startsOnTimeLine } from './starts.ts';
import { makeZone, momentOf, offsetAround, zoneOf } from './zone.ts';

const HOUR = 3_600_000;

test.each([
  ['UTC', '2026-07-01T00:00Z', 0],
  ['America/Los_Angeles', '2026-11-01T08:59:59.999Z', -7],
  ['America/Los_Angeles', '2026-11-01T09:00Z', -8],
  ['Europe/Berlin', '2026-07-01T00:00Z', 2],
  ['Asia/Kathmandu', '2026-07-01T00:00Z', 5.75],
  ['Australia/Lord_Howe', '2026-07-01T00:00Z', 10.5],
  ['Australia/Lord_Howe', '2026-12-31T23:59:59Z', 11],
  ['Pacific/Apia', '2011-12-30T09:59Z', -10],
  ['Pacific/Apia', '2011-12-30T10:00Z', 14],
])('%s at %s is %d hours ahead', (name, at, hours) => {
  expect(zoneOf(name).offsetAt(Date.parse(at))).toBe(hours * HOUR);
});

test('more zones than are kept are told as one is', () => {
  const at = Date.parse('2026-07-01T00:00Z');
  const names = Intl.supportedValuesOf('timeZone').slice(0, 150);
  const first = names.map((name) => zoneOf(name).offsetOn(at / DAY));
  expect(names.map((name) => zoneOf(name).offsetAt(at))).toEqual(first);
});

describe('the moment of a local time', () => {
  test.each([
    ['is by the offset in force', 'Europe/Berlin', '2027-07-01T12:00', '2027-07-01T10:00Z'],
    ['is the last before a gap', 'Europe/Berlin', '2027-03-28T01:59', '2027-03-28T00:59Z'],
    ['is by the offset before in a gap', 'Europe/Berlin', '2027-03-28T02:59', '2027-03-28T01:59Z'],
    ['is the first after a gap', 'Europe/Berlin', '2027-03-28T03:00', '2027-03-28T01:00Z'],
    ['is the first of two', 'Europe/Berlin', '2027-10-31T02:00', '2027-10-31T00:00Z'],
    ['is the first of two until the end', 'Europe/Berlin', '2027-10-31T02:59', '2027-10-31T00:59Z'],
    ['is after both where it comes once', 'Europe/Berlin', '2027-10-31T03:00', '2027-10-31T02:00Z'],
    ['is in the day after one that was skipped', 'Pacific/Apia', '2011-12-30T12:00', '2011-12-30T22:00Z'],
  ])('%s: %s %s', (_, name, wall, moment) => {
    const { offsetAt } = zoneOf(name);
    const at = Date.parse(`${wall}Z`);
    expect(momentOf(offsetAt, at)).toBe(Date.parse(moment));
    expect(momentOf(offsetAround(offsetAt, at - 2 * DAY, at + 2 * DAY), at)).toBe(Date.parse(moment));
  });
});

test('new time-zone data moves what starts after the change, to where the clock shows the same', () => {
  const change = Date.parse('2027-10-31T01:00Z');
  const asKnown = makeZone((at) => (at < change ? 2 : 1) * HOUR);
  // Summer time is kept for good.
  const asDecreed = makeZone(() => 2 * HOUR);
  const schedule = cronSchedule(parseCron('0 12 * * *'));
  const startsOn = [asKnown, asDecreed].map((zone) =>
    startsOnTimeLine({ schedule, zone, exceptDays: new Set(), until: Infinity }),
  );
  const starts = (date: string): string[] =>
    startsOn.flatMap((on) => on(Date.parse(date) / DAY).map((at) => new Date(at).toISOString().slice(11, 16)));
  expect(starts('2027-10-30')).toEqual(['10:00', '10:00']);
  expect(starts('2027-10-31')).toEqual(['11:00', '10:00']);
  expect(starts('2027-11-01')).toEqual(['11:00', '10:00']);
});
