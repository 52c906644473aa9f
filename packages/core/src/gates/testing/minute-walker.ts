/**
 * The slow truth that windows are held to: a clock on a wall, read every minute by Intl, with nothing shared with the code under test.
 */
export interface Minute {
  /** What the clock shows, as if it were UTC. */
  wall: number;
  /** When it shows that, or would have: epoch milliseconds. */
  moment: number;
  /** What it shows at that moment: another time than `wall` where the clocks skipped it. */
  shows: number;
}

export interface Walk {
  from: number;
  to: number;
  /** Each minute of the clock once, skipped ones included, those that come twice at their first coming. */
  minutes: readonly Minute[];
}

const MINUTE = 60_000;

export function walk(timeZone: string, from: number, to: number): Walk {
  const read = wallClock(timeZone);
  const minutes: Minute[] = [];
  let latest = read(from) - MINUTE;
  for (let moment = from; moment < to; moment += MINUTE) {
    const shown = read(moment);
    // Forward over a gap: the minutes in it pass as if the clock had gone on, beside those that it shows.
    for (let wall = latest + MINUTE; wall < shown; wall += MINUTE) {
      const as = moment + (wall - latest - MINUTE);
      minutes.push({ wall, moment: as, shows: read(as) });
    }
    if (shown > latest) minutes.push({ wall: shown, moment, shows: shown });
    latest = Math.max(latest, shown);
  }
  return { from, to, minutes };
}

function wallClock(timeZone: string): (moment: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (moment) => Date.parse(`${format.format(moment).replace(' ', 'T')}Z`);
}

/** Per minute from the walk's beginning, whether something that starts at these moments and lasts so many minutes is open. */
export function openMinutes({ from, to }: Walk, starts: readonly number[], lasts: number): boolean[] {
  const open = Array.from({ length: (to - from) / MINUTE }, () => false);
  for (const start of starts) {
    const first = (start - from) / MINUTE;
    for (let minute = first; minute < Math.min(first + lasts, open.length); minute++) open[minute] = true;
  }
  return open;
}
