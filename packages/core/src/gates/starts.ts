import { DAY } from './calendar.ts';
import type { Schedule } from './calendar.ts';
import { momentOf, offsetAround } from './zone.ts';
import type { Zone } from './zone.ts';

export interface StartRules {
  schedule: Schedule;
  zone: Zone;
  /** Local days on which nothing starts. */
  exceptDays: ReadonlySet<number>;
  /** The last moment of a start, in epoch milliseconds. */
  until: number;
}

/** The starts within a day of UTC (days since 1970-01-01), in epoch milliseconds, ascending. */
export type StartsOn = (utcDay: number) => readonly number[];

/** Puts a schedule on the time line. The last answer is kept: questions about one moment ask for the same day. */
export function startsOnTimeLine(rules: StartRules): StartsOn {
  let kept: { day: number; starts: readonly number[] } | null = null;
  return (utcDay) => {
    if (kept?.day !== utcDay) kept = { day: utcDay, starts: startsWithin(rules, utcDay) };
    return kept.starts;
  };
}

function startsWithin(rules: StartRules, utcDay: number): readonly number[] {
  const { schedule, zone, exceptDays, until } = rules;
  const [begin, end] = [utcDay * DAY, (utcDay + 1) * DAY];
  // What a change of the clocks moves, it moves by a day at most: with none since yesterday, one offset holds for all.
  const [before, after] = [zone.offsetOn(utcDay - 1), zone.offsetOn(utcDay + 1)];
  const momentAt = before === after ? (wall: number): number => wall - after : placing(rules, begin - DAY, end);
  const first = Math.floor((begin + Math.min(before, after)) / DAY);
  const last = Math.floor((end - 1 + Math.max(before, after)) / DAY);
  const starts: number[] = [];
  for (let day = first; day <= last; day++) {
    for (const time of exceptDays.has(day) ? [] : schedule.startsOn(day)) {
      const at = momentAt(day * DAY + time);
      if (at >= begin && at < end && at <= until) starts.push(at);
    }
  }
  return before === after ? starts : [...new Set(starts)].sort((a, b) => a - b);
}

/**
 * Where local times come around the change of the clocks between two moments. One that a gap moves over midnight belongs to both days:
 * where the other one is excepted it comes nowhere (NaN).
 */
function placing({ zone, exceptDays }: StartRules, from: number, to: number): (wall: number) => number {
  const offsetAt = offsetAround(zone.offsetAt, from, to);
  return (wall) => {
    const at = momentOf(offsetAt, wall);
    return exceptDays.has(Math.floor((at + offsetAt(at)) / DAY)) ? Number.NaN : at;
  };
}
