import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLocalTime } from './calendar.ts';
import { openMinutes, walk } from './testing/minute-walker.ts';
import type { Walk } from './testing/minute-walker.ts';
import { naiveStarts, ruleText } from './testing/naive-rule.ts';
import type { NaiveRule } from './testing/naive-rule.ts';
import { compileWindow, isOpen, nextChange } from './window.ts';
import type { Window, WindowSpec } from './window.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** Five weeks around what the clocks do there. */
const PLACES = [
  ['America/Los_Angeles', '2027-02-25'],
  ['America/Los_Angeles', '2027-10-15'],
  ['Europe/Berlin', '2027-03-10'],
  ['Europe/Berlin', '2027-10-10'],
  ['Australia/Lord_Howe', '2026-09-15'],
  ['Australia/Lord_Howe', '2027-03-20'],
  ['Asia/Kathmandu', '2027-01-01'],
  ['Pacific/Apia', '2011-12-10'],
  // Gaps that begin at midnight, and that end there.
  ['America/Havana', '2027-02-25'],
  ['America/Nuuk', '2027-03-10'],
] as const;

const walks = new Map<string, Walk>();
function walkOf([timeZone, date]: readonly [string, string]): Walk {
  const key = `${timeZone} ${date}`;
  const from = Date.parse(`${date}T00:00Z`);
  const known = walks.get(key) ?? walk(timeZone, from, from + 35 * DAY);
  walks.set(key, known);
  return known;
}

/** Every minute of the walk, and from some of them the next change. */
function assertSame(window: Window, { from, to }: Walk, open: readonly boolean[]): void {
  const differing = open.findIndex((expected, minute) => isOpen(window, from + minute * MINUTE) !== expected);
  expect(differing === -1 ? null : new Date(from + differing * MINUTE).toISOString()).toBeNull();
  const asked = open.flatMap((_, minute) => (minute % 997 === 0 ? [minute] : []));
  const changes = asked.map((minute) => open.findIndex((state, index) => index > minute && state !== open[minute]));
  const found = asked.map((minute) => (nextChange(window, from + minute * MINUTE) ?? to) - from);
  // Of what comes after the walk it knows nothing.
  expect(found.map((change) => (change < to - from ? change / MINUTE : -1))).toEqual(changes);
}

const place = fc.constantFrom(...PLACES);
const lasts = fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 3 * 1440 }));
const some = (values: fc.Arbitrary<number>, max: number): fc.Arbitrary<number[] | undefined> =>
  fc.option(fc.uniqueArray(values, { minLength: 1, maxLength: max }), { nil: undefined });

interface NaiveField {
  text: string;
  has: (value: number) => boolean;
}

function field(low: number, high: number): fc.Arbitrary<NaiveField> {
  const value = fc.integer({ min: low, max: high });
  const step = fc.integer({ min: 1, max: 20 });
  const item = fc.oneof(
    fc.constant<NaiveField>({ text: '*', has: () => true }),
    step.map((every) => ({ text: `*/${every}`, has: (at: number) => (at - low) % every === 0 })),
    value.map((only) => ({ text: String(only), has: (at: number) => at === only })),
    fc.tuple(value, value, step).map(([a, b, every]) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      const has = (at: number): boolean => at >= first && at <= last && (at - first) % every === 0;
      return { text: `${first}-${last}/${every}`, has };
    }),
  );
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => ({
    text: items.map(({ text }) => text).join(','),
    has: (at) => items.some(({ has }) => has(at)),
  }));
}

const everyMonth = fc.constant<NaiveField>({ text: '*', has: () => true });
const cron = fc.tuple(field(0, 59), field(0, 23), field(1, 31), fc.oneof(everyMonth, field(1, 12)), field(0, 6));
type NaiveCron = typeof cron extends fc.Arbitrary<infer Value> ? Value : never;

function cronFits([minutes, hours, dates, months, weekdays]: NaiveCron, wall: number): boolean {
  const clock = new Date(wall);
  if (!minutes.has(clock.getUTCMinutes()) || !hours.has(clock.getUTCHours())) return false;
  if (!months.has(clock.getUTCMonth() + 1)) return false;
  const [date, weekday] = [dates.has(clock.getUTCDate()), weekdays.has(clock.getUTCDay())];
  const restricted = !dates.text.startsWith('*') && !weekdays.text.startsWith('*');
  return restricted ? date || weekday : date && weekday;
}

const rule: fc.Arbitrary<NaiveRule> = fc
  .record({
    freq: fc.constantFrom('MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY'),
    interval: fc.integer({ min: 1, max: 5 }),
    weekStart: fc.nat({ max: 6 }),
    months: fc.option(fc.constant([1, 3, 10, 12]), { nil: undefined }),
    dates: some(fc.oneof(fc.integer({ min: 1, max: 31 }), fc.integer({ min: -31, max: -1 })), 12),
    weekdays: some(fc.nat({ max: 6 }), 4),
    hours: some(fc.nat({ max: 23 }), 8),
    minutes: some(fc.nat({ max: 59 }), 3),
    positions: some(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: -5, max: -1 })), 2),
  })
  .map((drawn) => {
    const others = [drawn.dates, drawn.weekdays, drawn.hours, drawn.minutes].some((part) => part !== undefined);
    return {
      ...drawn,
      dates: drawn.freq === 'WEEKLY' ? undefined : drawn.dates,
      positions: others ? drawn.positions : undefined,
    };
  })
  .filter(({ positions, weekdays, hours, minutes, dates, months }) =>
    [weekdays, hours, minutes, dates, months].some((part) => part !== undefined) ? true : positions === undefined,
  );

const ends = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.record({ kind: fc.constant('count' as const), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({
    kind: fc.constantFrom('local' as const, 'moment' as const),
    after: fc.integer({ min: 0, max: 15 * 1440 }),
  }),
);

describe('what a walk through every minute finds open', () => {
  test('is open by cron, and the next change is where it says', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        cron,
        place,
        lasts,
        fc.uniqueArray(fc.nat({ max: 34 }), { maxLength: 6 }),
        (drawn, at, minutes, days) => {
          const walked = walkOf(at);
          const excepted = days.map((day) => new Date(walked.from + day * DAY).toISOString().slice(0, 10));
          const spec: WindowSpec = {
            type: 'Allow',
            timeZone: at[0],
            cron: drawn.map(({ text }) => text).join(' '),
            duration: `${minutes}m`,
            exceptDates: excepted,
          };
          const starts = walked.minutes
            .filter(({ wall }) => cronFits(drawn, wall))
            .filter((minute) =>
              [minute.wall, minute.shows].every(
                (wall) => !excepted.includes(new Date(wall).toISOString().slice(0, 10)),
              ),
            )
            .map(({ moment }) => moment);
          const open = openMinutes(walked, starts, minutes);
          // What started before the walk did is not known to it.
          const known = { ...walked, from: walked.from + 4 * DAY };
          assertSame(compileWindow(spec), known, open.slice((4 * DAY) / MINUTE));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('is open by rrule, and the next change is where it says', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        rule,
        place,
        fc.tuple(lasts, fc.nat({ max: 20 * 1440 })),
        ends,
        (drawn, at, [minutes, later], end) => {
          const walked = walkOf(at);
          const base = (walked.minutes[0]?.wall ?? 0) + later * MINUTE;
          const walls = naiveStarts(drawn, base, walked.to - DAY);
          const start = walls[0];
          fc.pre(start !== undefined);
          const moments = new Map(walked.minutes.map(({ wall, moment }) => [wall, moment]));
          const lastWall = end.kind === 'local' ? start + end.after * MINUTE : Infinity;
          const lastMoment = end.kind === 'moment' ? (moments.get(start) ?? 0) + end.after * MINUTE : Infinity;
          const ending = {
            none: '',
            count: `;COUNT=${end.kind === 'count' ? end.count : 0}`,
            local: `;UNTIL=${compact(lastWall)}`,
            moment: `;UNTIL=${compact(lastMoment)}Z`,
          }[end.kind];
          const spec: WindowSpec = {
            type: 'Allow',
            timeZone: at[0],
            rrule: ruleText(drawn) + ending,
            start: formatLocalTime(start),
            duration: `${minutes}m`,
          };
          const starts = walls
            .slice(0, end.kind === 'count' ? end.count : walls.length)
            .filter((wall) => wall <= lastWall)
            .map((wall) => moments.get(wall) ?? 0)
            .filter((moment) => moment <= lastMoment);
          // The rule goes on after the last day that was asked of.
          const known = { ...walked, to: walked.to - 3 * DAY };
          assertSame(compileWindow(spec), known, openMinutes(known, starts, minutes));
        },
      ),
      { numRuns: 40 },
    );
  });
});

function compact(wall: number): string {
  return Number.isFinite(wall) ? new Date(wall).toISOString().replaceAll(/[-:]|\.\d+Z/g, '') : '';
}
