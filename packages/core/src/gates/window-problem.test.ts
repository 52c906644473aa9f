import { describe, expect, test } from 'vitest';
import { compileWindow, windowProblem } from './window.ts';
import type { WindowSpec } from './window.ts';

const FOUNDING: WindowSpec = { type: 'Allow', timeZone: 'America/Los_Angeles', cron: '0 12 * * TUE', duration: '6h' };
const { cron: _, ...WITHOUT_CRON } = FOUNDING;

describe('a window that is wrong', () => {
  test.each<[WindowSpec, string]>([
    [WITHOUT_CRON, 'neither cron nor rrule is given: say when the window starts with one of them'],
    [{ ...FOUNDING, rrule: 'FREQ=DAILY' }, "cron '0 12 * * TUE' and rrule 'FREQ=DAILY' are both given: keep one"],
    [
      { ...FOUNDING, start: '2026-11-03T12:00' },
      "start '2026-11-03T12:00' goes with rrule, not with cron '0 12 * * TUE': leave it out",
    ],
    [
      { ...WITHOUT_CRON, rrule: 'FREQ=DAILY' },
      "rrule 'FREQ=DAILY' has no start: give its first one in local time, as 2026-11-03T12:00",
    ],
    ...[
      '2026-11-03',
      '2026-11-03T12:00Z',
      '2026-02-30T12:00',
      '2026-11-03T24:00',
      '1969-12-31T12:00',
      'x'.repeat(500),
    ].map((start): [WindowSpec, string] => [
      { ...WITHOUT_CRON, rrule: 'FREQ=DAILY', start },
      `start '${start.slice(0, 120)}${start.length > 120 ? '...' : ''}' is no local time from 1970 on: write it as 2026-11-03T12:00`,
    ]),
    [
      { ...WITHOUT_CRON, rrule: 'FREQ=DAILY;UNTIL=20261103T195959Z', start: '2026-11-03T12:00' },
      "rrule 'FREQ=DAILY;UNTIL=20261103T195959Z' ends before its start 2026-11-03T12:00: give a later UNTIL",
    ],
    [
      { ...FOUNDING, timeZone: 'Mars/Base' },
      "time zone 'Mars/Base' is not known: give an IANA name, such as Europe/Berlin or UTC",
    ],
    [
      { ...FOUNDING, timeZone: '+01:00' },
      "time zone '+01:00' is not known: give an IANA name, such as Europe/Berlin or UTC",
    ],
    [{ ...FOUNDING, timeZone: '' }, "time zone '' is not known: give an IANA name, such as Europe/Berlin or UTC"],
    [{ ...FOUNDING, cron: '0 12 31 2 *' }, "cron '0 12 31 2 *' never starts: no date is like that"],
    [{ ...FOUNDING, duration: '6 hours' }, "invalid duration '6 hours': write it as 90s, 1m30s or 1h"],
    ...['0s', '1ns', '745h', '99999999h'].map((duration): [WindowSpec, string] => [
      { ...FOUNDING, duration },
      duration === '99999999h'
        ? "invalid duration '99999999h': write it as 90s, 1m30s or 1h"
        : `duration '${duration}' is out of bounds: give more than 0, and 31 days (744h) at most`,
    ]),
    [
      { ...FOUNDING, exceptDates: ['2026-12-24', '24.12.2026'] },
      "exceptDates '24.12.2026' is no date from 1970 on: write it as 2026-12-24",
    ],
    [
      { ...FOUNDING, exceptDates: ['2026-11-31'] },
      "exceptDates '2026-11-31' is no date from 1970 on: write it as 2026-12-24",
    ],
  ])('%j', (spec, problem) => {
    expect(windowProblem(spec)).toBe(problem);
    expect(() => compileWindow(spec)).toThrow(problem);
  });

  test.each<[Partial<WindowSpec>]>([[{}], [{ duration: '744h' }], [{ duration: '1ms' }], [{ timeZone: 'Etc/GMT+5' }]])(
    'not: %j',
    (parts) => {
      expect(windowProblem({ ...FOUNDING, ...parts })).toBeNull();
    },
  );
});
