import { DAY, refuse, quoted } from './calendar.ts';

/** Milliseconds that local time is ahead of UTC, at a moment in epoch milliseconds. */
export type Offset = (at: number) => number;

export interface Zone {
  offsetAt: Offset;
  /** The offset at 00:00 UTC of a day (days since 1970-01-01), remembered: walks over years ask for the same ones. */
  offsetOn(utcDay: number): number;
}

const MAX_ZONES = 64;
const MAX_DAYS = 8192;
const zones = new Map<string, Zone>();

/** An IANA zone as the platform's time-zone data knows it. Its formatter is slow to make: the last few are kept. */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = makeZone(offsetsOf(name));
  if (zones.size >= MAX_ZONES) zones.clear();
  zones.set(name, zone);
  return zone;
}

export function makeZone(offsetAt: Offset): Zone {
  const days = new Map<number, number>();
  const offsetOn = (utcDay: number): number => {
    const known = days.get(utcDay);
    if (known !== undefined) return known;
    const offset = offsetAt(utcDay * DAY);
    if (days.size >= MAX_DAYS) days.clear();
    days.set(utcDay, offset);
    return offset;
  };
  return { offsetAt, offsetOn };
}

/**
 * The moment of a local time, in epoch milliseconds. One that comes twice (clocks set back) is its first coming. One that never
 * comes (clocks set forward) is read with the offset before the gap, as RFC 5545 section 3.3.5 says: 02:30 is then half an
 * hour after the gap's beginning, never before it.
 *
 * A day to either side of it the offsets before and after a change hold: since 1970 no zone changed twice within four days, and
 * none by more than a day.
 */
export function momentOf(offsetAt: Offset, wall: number): number {
  const before = offsetAt(wall - DAY);
  const after = offsetAt(wall + DAY);
  const comings = [wall - before, wall - after].filter((at) => at + offsetAt(at) === wall);
  return comings.length === 0 ? wall - before : Math.min(...comings);
}

/** The offsets around the one change between two moments, by its second: found once, then a comparison instead of a calendar. */
export function offsetAround(offsetAt: Offset, from: number, to: number): Offset {
  const [before, after] = [offsetAt(from), offsetAt(to)];
  let [same, changed] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetAt(middle * 1000) === before) same = middle;
    else changed = middle;
  }
  return (at) => (at < changed * 1000 ? before : after);
}

/** Intl takes offsets such as +01:00 too: those know no DST, and whoever wrote one may expect it. */
const IANA_NAME = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/;

function offsetsOf(name: string): Offset {
  const formatter = formatterOf(name);
  return (at) => {
    const part: Record<string, number> = {};
    for (const { type, value } of formatter.formatToParts(at)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  };
}

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  try {
    if (!IANA_NAME.test(timeZone)) throw new RangeError('no name');
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    refuse(`time zone ${quoted(timeZone)} is not known: give an IANA name, such as Europe/Berlin or UTC`);
  }
}
