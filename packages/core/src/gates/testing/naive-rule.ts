/** An RRULE as its parts say it, matched minute by minute: nothing shared with the code under test. */
export interface NaiveRule {
  freq: 'MONTHLY' | 'WEEKLY' | 'DAILY' | 'HOURLY';
  interval: number;
  weekStart: number;
  months?: readonly number[] | undefined;
  dates?: readonly number[] | undefined;
  weekdays?: readonly number[] | undefined;
  hours?: readonly number[] | undefined;
  minutes?: readonly number[] | undefined;
  positions?: readonly number[] | undefined;
}

const NAMES = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

export function ruleText(rule: NaiveRule): string {
  const list = (name: string, values: readonly (number | string)[] | undefined): string =>
    values === undefined ? '' : `;${name}=${values.join(',')}`;
  return [
    `FREQ=${rule.freq};INTERVAL=${rule.interval};WKST=${NAMES[rule.weekStart]}`,
    list('BYMONTH', rule.months),
    list('BYMONTHDAY', rule.dates),
    list(
      'BYDAY',
      rule.weekdays?.map((weekday) => NAMES[weekday] ?? ''),
    ),
    list('BYHOUR', rule.hours),
    list('BYMINUTE', rule.minutes),
    list('BYSETPOS', rule.positions),
  ].join('');
}

/** The local starts from one of them on, or from the first after `base`, to `end`: what the rule leaves out is as at `base`. */
export function naiveStarts(rule: NaiveRule, base: number, end: number): number[] {
  const month = new Date(base).getUTCMonth();
  const begin = Date.UTC(new Date(base).getUTCFullYear(), month, 1) - 7 * DAY;
  const periods = new Map<number, number[]>();
  let period = 0;
  let ofBase = 0;
  for (let wall = begin; wall < end + 32 * DAY; wall += MINUTE) {
    const clock = new Date(wall);
    if (beginsPeriod(rule, clock)) period += 1;
    if (wall === base) ofBase = period;
    if (fits(rule, clock, new Date(base))) periods.set(period, [...(periods.get(period) ?? []), wall]);
  }
  return [...periods]
    .filter(([number]) => (number - ofBase) % rule.interval === 0)
    .flatMap(([, starts]) => positioned(rule, starts))
    .filter((wall) => wall >= base && wall < end);
}

function beginsPeriod({ freq, weekStart }: NaiveRule, clock: Date): boolean {
  if (clock.getUTCMinutes() !== 0) return false;
  if (freq === 'HOURLY') return true;
  if (clock.getUTCHours() !== 0) return false;
  if (freq === 'DAILY') return true;
  return freq === 'WEEKLY' ? clock.getUTCDay() === weekStart : clock.getUTCDate() === 1;
}

function fits(rule: NaiveRule, clock: Date, base: Date): boolean {
  return isTime(rule, clock, base) && isDay(rule, clock, base);
}

function isTime({ freq, hours, minutes }: NaiveRule, clock: Date, base: Date): boolean {
  if (!(minutes ?? [base.getUTCMinutes()]).includes(clock.getUTCMinutes())) return false;
  if (hours === undefined && freq === 'HOURLY') return true;
  return (hours ?? [base.getUTCHours()]).includes(clock.getUTCHours());
}

function isDay({ freq, months, dates, weekdays }: NaiveRule, clock: Date, base: Date): boolean {
  if (months !== undefined && !months.includes(clock.getUTCMonth() + 1)) return false;
  const weekday = clock.getUTCDay();
  if (weekdays !== undefined && !weekdays.includes(weekday)) return false;
  const lengthOfMonth = new Date(Date.UTC(clock.getUTCFullYear(), clock.getUTCMonth() + 1, 0)).getUTCDate();
  const date = clock.getUTCDate();
  if (dates !== undefined) return dates.includes(date) || dates.includes(date - lengthOfMonth - 1);
  if (weekdays !== undefined) return true;
  if (freq === 'WEEKLY') return weekday === base.getUTCDay();
  return freq !== 'MONTHLY' || date === base.getUTCDate();
}

function positioned({ positions }: NaiveRule, starts: readonly number[]): readonly number[] {
  if (positions === undefined) return starts;
  return starts.filter((_, index) => positions.includes(index + 1) || positions.includes(index - starts.length));
}
