import { parseDuration } from '@plumb/api';
import { DAY, parseLocalTime, quoted, weekdayOf } from './calendar.ts';
import { parseCron } from './cron.ts';
import { parseRule } from './rrule-parts.ts';
import { windowProblem } from './window.ts';
import type { WindowSpec } from './window.ts';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The same time on the same days of each week. */
interface Weekly {
  weekdays: ReadonlySet<number>;
  hour: number;
  minute: number;
}

/**
 * A window in few words, for messages: `Tue 12:00–18:00 America/Los_Angeles`, `Mon–Fri 22:00–04:00 UTC`, `Fri 18:00 for 60h,
 * Europe/Berlin`; what is not the same each week in its own words: `cron '0 12 1 * *' for 6h, Europe/Berlin`.
 */
export function describeWindow(spec: WindowSpec): string {
  const weekly = windowProblem(spec) === null ? weeklyOf(spec) : null;
  if (weekly === null) return `${scheduleOf(spec)} for ${spec.duration}, ${spec.timeZone}`;
  const { weekdays, hour, minute } = weekly;
  const begin = `${weekdays.size === 7 ? 'daily' : daysInWords(weekdays)} ${clock(hour * 60 + minute)}`;
  const minutes = parseDuration(spec.duration) / 60_000;
  if (!Number.isInteger(minutes) || minutes * 60_000 >= DAY) return `${begin} for ${spec.duration}, ${spec.timeZone}`;
  return `${begin}–${clock(hour * 60 + minute + minutes)} ${spec.timeZone}`;
}

function scheduleOf({ cron, rrule, start }: WindowSpec): string {
  if (cron !== undefined) return `cron ${quoted(cron)}`;
  return `rrule ${quoted(rrule ?? '')}${start === undefined ? '' : ` from ${start}`}`;
}

function weeklyOf({ cron, rrule, start }: WindowSpec): Weekly | null {
  if (cron !== undefined) return weeklyCron(cron);
  const first = parseLocalTime(start ?? '');
  return rrule === undefined || first === null ? null : weeklyRule(rrule, first);
}

function weeklyCron(text: string): Weekly | null {
  const { minutes, hours, dates, months, weekdays, eitherDay } = parseCron(text);
  const weekly = dates.size === 31 && months.size === 12 && !eitherDay;
  return weekly ? once(weekdays, hours, minutes) : null;
}

function weeklyRule(text: string, first: number): Weekly | null {
  const { frequency, interval, count, until, byDay, by } = parseRule(text);
  const { BYHOUR, BYMINUTE, BYSECOND, ...others } = by;
  const endless = interval === 1 && count === null && until === null;
  const plain = Object.keys(others).length === 0 && first % 60_000 === 0 && BYSECOND === undefined;
  if (!endless || !plain || (frequency !== 'WEEKLY' && frequency !== 'DAILY')) return null;
  const [hour, minute] = [Math.floor((first % DAY) / 3_600_000), Math.floor((first % 3_600_000) / 60_000)];
  const unsaid = frequency === 'DAILY' ? WEEKDAYS.keys() : [weekdayOf(Math.floor(first / DAY))];
  return once(new Set(byDay?.map(({ weekday }) => weekday) ?? unsaid), BYHOUR ?? [hour], BYMINUTE ?? [minute]);
}

function once(weekdays: ReadonlySet<number>, hours: readonly number[], minutes: readonly number[]): Weekly | null {
  const [hour = 0, ...moreHours] = hours;
  const [minute = 0, ...moreMinutes] = minutes;
  return moreHours.length + moreMinutes.length === 0 ? { weekdays, hour, minute } : null;
}

/** From Monday on; three or more in a row as a range. */
function daysInWords(weekdays: ReadonlySet<number>): string {
  const days = [1, 2, 3, 4, 5, 6, 0].flatMap((weekday, index) => (weekdays.has(weekday) ? [{ weekday, index }] : []));
  const names = days.map(({ weekday }) => WEEKDAYS[weekday]);
  const inRow = days.every(({ index }, position) => index === (days[0]?.index ?? 0) + position);
  return names.length > 2 && inRow ? `${names[0]}–${names.at(-1)}` : names.join(', ');
}

function clock(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}
