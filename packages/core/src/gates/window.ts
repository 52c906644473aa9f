import { parseDuration, PlumbError } from '@plumb/api';
import { DAY, firstStart, parseLocalDate, parseLocalTime, quoted, refuse } from './calendar.ts';
import type { Schedule } from './calendar.ts';
import { cronSchedule, parseCron } from './cron.ts';
import { parseRule } from './rrule-parts.ts';
import { rruleSchedule } from './rrule.ts';
import { startsOnTimeLine } from './starts.ts';
import type { StartsOn } from './starts.ts';
import { momentOf, zoneOf } from './zone.ts';
import type { Zone } from './zone.ts';

/**
 * A change window as a policy declares it: starts, and how long it is open from each.
 *
 * - Starts are wall-clock times of the time zone. One that the clocks skip is read with the offset before the gap (RFC 5545 section
 *   3.3.5); one that comes twice starts at its first coming only.
 * - The duration is elapsed time, whatever the clocks do meanwhile. Starts that come while it is open make it stay open longer.
 * - Nothing starts before `start`.
 *
 * So no change of the clocks opens it early, and nothing is asked but the moment: a clock that jumps, or new time-zone data, changes
 * the answer from then on.
 */
export interface WindowSpec {
  name?: string;
  /** Allow: changes pass only while one Allow window is open. Deny: none passes while it is open. */
  type: 'Allow' | 'Deny';
  /** IANA name. */
  timeZone: string;
  /**
   * Five fields: minute, hour, day of month, month, day of week; names, lists, ranges and steps as in crontab(5), the two day fields
   * OR-ed when both are restricted. One of cron and rrule.
   */
  cron?: string;
  /** RFC 5545 section 3.3.10, HOURLY at the most often; without DTSTART. */
  rrule?: string;
  /** The first start, local time, with rrule only: 2026-11-03T12:00, seconds may follow. It must be one by the rrule. */
  start?: string;
  /** Go duration: how long it is open from each start. More than 0, at most 31 days. */
  duration: string;
  /** Local dates (2026-12-24) on which it does not start. What started the day before goes on. A rrule's COUNT counts them. */
  exceptDates?: readonly string[];
}

/** A compiled WindowSpec. Opaque: `isOpen` and `nextChange` ask it. It remembers what it found last, so ask one again and again. */
export interface Window {
  readonly startsOn: StartsOn;
  readonly duration: number;
  readonly memo: { run: Run | null };
}

/** A stretch of time in which the answer does not change. */
interface Run {
  open: boolean;
  from: number;
  /** As far as is known: the answer holds until just before. */
  to: number;
  /** Whether it changes at `to`. */
  ends: boolean;
  /** The next day of UTC to look at. */
  day: number;
}

/** How far ahead changes are looked for. */
const HORIZON = 5 * 366 * DAY;
const MAX_DURATION = 31 * DAY;

/** What is wrong with a window, and what to do about it; null for a good one. */
export function windowProblem(spec: WindowSpec): string | null {
  try {
    compileWindow(spec);
    return null;
  } catch (error) {
    if (error instanceof PlumbError) return error.message;
    throw error;
  }
}

/** @throws PlumbError `invalid-spec`, with what windowProblem tells */
export function compileWindow(spec: WindowSpec): Window {
  const zone = zoneOf(spec.timeZone);
  const exceptDays = new Set((spec.exceptDates ?? []).map(exceptDay));
  const rules = { ...startRules(spec, zone), zone, exceptDays };
  return { startsOn: startsOnTimeLine(rules), duration: durationOf(spec), memo: { run: null } };
}

/** @param at epoch milliseconds */
export function isOpen(window: Window, at: number): boolean {
  return runAt(window, at).open;
}

/**
 * When isOpen's answer next changes, in epoch milliseconds, later than `at`; null when it never does, or not within five years.
 * @param at epoch milliseconds
 */
export function nextChange(window: Window, at: number): number | null {
  const run = runAt(window, at);
  while (!run.ends && run.to <= at + HORIZON) extend(window, run);
  return run.ends && run.to <= at + HORIZON ? run.to : null;
}

function runAt(window: Window, at: number): Run {
  const known = window.memo.run;
  if (known !== null && known.from <= at && at < known.to) return known;
  const last = lastStart(window, at);
  const from = last ?? at;
  const to = last === null ? at : last + window.duration;
  const run: Run = { open: last !== null, from, to, ends: false, day: Math.floor(from / DAY) };
  extend(window, run);
  window.memo.run = run;
  return run;
}

/** The start that holds it open at a moment. All last equally long: only the latest counts. */
function lastStart({ startsOn, duration }: Window, at: number): number | null {
  for (let day = Math.floor(at / DAY); day >= Math.floor((at - duration) / DAY); day--) {
    const start = startsOn(day).findLast((each) => each <= at);
    if (start !== undefined) return at < start + duration ? start : null;
  }
  return null;
}

/** Looks at one more day. */
function extend({ startsOn, duration }: Window, run: Run): void {
  if (run.open) extendOpen(startsOn(run.day), duration, run);
  else extendClosed(startsOn(run.day), run);
}

function extendOpen(starts: readonly number[], duration: number, run: Run): void {
  for (const start of starts) {
    run.ends = start > run.to;
    if (run.ends) return;
    run.to = Math.max(run.to, start + duration);
  }
  run.day += 1;
  run.ends = run.to < run.day * DAY;
}

function extendClosed(starts: readonly number[], run: Run): void {
  const next = starts.find((start) => start >= run.to);
  run.day += 1;
  run.ends = next !== undefined;
  run.to = next ?? run.day * DAY;
}

function startRules(spec: WindowSpec, zone: Zone): { schedule: Schedule; until: number } {
  const { cron, rrule, start } = spec;
  if (cron !== undefined && rrule !== undefined) {
    refuse(`cron ${quoted(cron)} and rrule ${quoted(rrule)} are both given: keep one`);
  }
  if (cron !== undefined) {
    if (start !== undefined)
      refuse(`start ${quoted(start)} goes with rrule, not with cron ${quoted(cron)}: leave it out`);
    const schedule = cronSchedule(parseCron(cron));
    if (firstStart(schedule, 0) === null) refuse(`cron ${quoted(cron)} never starts: no date is like that`);
    return { schedule, until: Infinity };
  }
  if (rrule === undefined)
    return refuse('neither cron nor rrule is given: say when the window starts with one of them');
  return ruleStarts(rrule, start, zone);
}

function ruleStarts(rrule: string, start: string | undefined, zone: Zone): { schedule: Schedule; until: number } {
  const rule = parseRule(rrule);
  if (start === undefined)
    return refuse(`rrule ${quoted(rrule)} has no start: give its first one in local time, as 2026-11-03T12:00`);
  const wall = parseLocalTime(start);
  if (wall === null)
    return refuse(`start ${quoted(start)} is no local time from 1970 on: write it as 2026-11-03T12:00`);
  const schedule = rruleSchedule(rule, wall);
  const until = rule.until !== null && 'moment' in rule.until ? rule.until.moment : Infinity;
  if (until < momentOf(zone.offsetAt, wall)) {
    refuse(`rrule ${quoted(rrule)} ends before its start ${start}: give a later UNTIL`);
  }
  return { schedule, until };
}

function exceptDay(text: string): number {
  return parseLocalDate(text) ?? refuse(`exceptDates ${quoted(text)} is no date from 1970 on: write it as 2026-12-24`);
}

function durationOf({ duration }: WindowSpec): number {
  const milliseconds = Math.floor(parseDuration(duration));
  if (milliseconds > 0 && milliseconds <= MAX_DURATION) return milliseconds;
  return refuse(`duration ${quoted(duration)} is out of bounds: give more than 0, and 31 days (744h) at most`);
}
