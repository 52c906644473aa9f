import { expect, test } from 'vitest';
import { describeWindow } from './describe-window.ts';
import type { WindowSpec } from './window.ts';

const spec = (parts: Partial<WindowSpec>): WindowSpec => ({
  type: 'Allow',
  timeZone: 'Europe/Berlin',
  duration: '6h',
  ...parts,
});

test.each<[Partial<WindowSpec>, string]>([
  [{ cron: '0 12 * * TUE', timeZone: 'America/Los_Angeles' }, 'Tue 12:00–18:00 America/Los_Angeles'],
  [
    { rrule: 'FREQ=WEEKLY;BYDAY=TU', start: '2026-11-03T12:00', timeZone: 'America/Los_Angeles' },
    'Tue 12:00–18:00 America/Los_Angeles',
  ],
  [{ rrule: 'FREQ=WEEKLY', start: '2026-11-03T12:00' }, 'Tue 12:00–18:00 Europe/Berlin'],
  [
    { rrule: 'FREQ=WEEKLY;BYDAY=TH,TU;BYHOUR=9;BYMINUTE=30', start: '2026-11-03T09:30' },
    'Tue, Thu 09:30–15:30 Europe/Berlin',
  ],
  [{ cron: '0 9 * * 1-5', duration: '8h30m' }, 'Mon–Fri 09:00–17:30 Europe/Berlin'],
  [{ cron: '0 9 * * 6,0' }, 'Sat, Sun 09:00–15:00 Europe/Berlin'],
  [{ cron: '0 9 * * FRI-SUN' }, 'Fri–Sun 09:00–15:00 Europe/Berlin'],
  [{ cron: '0 9 * * MON,TUE,THU' }, 'Mon, Tue, Thu 09:00–15:00 Europe/Berlin'],
  [{ cron: '0 22 * * *' }, 'daily 22:00–04:00 Europe/Berlin'],
  [{ rrule: 'FREQ=DAILY', start: '2026-11-03T22:00' }, 'daily 22:00–04:00 Europe/Berlin'],
  [{ rrule: 'FREQ=DAILY;BYDAY=MO', start: '2026-11-02T22:00' }, 'Mon 22:00–04:00 Europe/Berlin'],
  [{ cron: '0 18 * * FRI', duration: '60h' }, 'Fri 18:00 for 60h, Europe/Berlin'],
  [{ cron: '0 18 * * FRI', duration: '90s' }, 'Fri 18:00 for 90s, Europe/Berlin'],
  [{ cron: '0 12 1 * *' }, "cron '0 12 1 * *' for 6h, Europe/Berlin"],
  [{ cron: '0 12 * JAN TUE' }, "cron '0 12 * JAN TUE' for 6h, Europe/Berlin"],
  [{ cron: '0 12,18 * * TUE' }, "cron '0 12,18 * * TUE' for 6h, Europe/Berlin"],
  [{ cron: '0 12 1-31 * TUE' }, "cron '0 12 1-31 * TUE' for 6h, Europe/Berlin"],
  [
    { rrule: 'FREQ=WEEKLY;INTERVAL=2', start: '2026-11-03T12:00' },
    "rrule 'FREQ=WEEKLY;INTERVAL=2' from 2026-11-03T12:00 for 6h, Europe/Berlin",
  ],
  [
    { rrule: 'FREQ=WEEKLY;COUNT=2', start: '2026-11-03T12:00' },
    "rrule 'FREQ=WEEKLY;COUNT=2' from 2026-11-03T12:00 for 6h, Europe/Berlin",
  ],
  [
    { rrule: 'FREQ=DAILY', start: '2026-11-03T12:00:30' },
    "rrule 'FREQ=DAILY' from 2026-11-03T12:00:30 for 6h, Europe/Berlin",
  ],
  [{ cron: 'nonsense' }, "cron 'nonsense' for 6h, Europe/Berlin"],
])('%j', (parts, words) => {
  expect(describeWindow(spec(parts))).toBe(words);
});
