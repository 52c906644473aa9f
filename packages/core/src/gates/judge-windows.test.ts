import { describe, expect, test } from 'vitest';
import { judgeWindows } from './judge-windows.ts';
import type { DeclaredWindow } from './judge-windows.ts';
import { compileWindow } from './window.ts';
import type { WindowSpec } from './window.ts';

const declare = (name: string, cron: string, duration: string, type: WindowSpec['type'] = 'Allow'): DeclaredWindow => {
  const spec: WindowSpec = { name, type, timeZone: 'UTC', cron, duration };
  return { spec, window: compileWindow(spec) };
};
const deny = (name: string, cron: string, duration: string): DeclaredWindow => declare(name, cron, duration, 'Deny');

const WORKDAYS = declare('workdays', '0 9 * * MON-FRI', '8h');
const TUESDAYS = declare('tuesdays', '0 12 * * TUE', '6h');
const EVENINGS = declare('evenings', '0 16 * * *', '4h');
const LUNCH = deny('lunch', '0 12 * * *', '1h');
const DECEMBER = deny('december', '0 0 20 12 *', '336h');
const ALWAYS = deny('always', '0 0 * * *', '24h');

/** 2026-11-30 is a Monday. */
test.each<[string, DeclaredWindow[], string, { open: boolean; opensAt?: string; until?: string; by: string | null }]>([
  ['no window', [], '2026-11-30T10:00', { open: true, by: null }],
  ['an Allow that is open', [WORKDAYS], '2026-11-30T10:00', { open: true, until: '2026-11-30T17:00', by: 'workdays' }],
  [
    'an Allow that is not',
    [WORKDAYS],
    '2026-11-28T10:00',
    { open: false, opensAt: '2026-11-30T09:00', by: 'workdays' },
  ],
  [
    'two Allows, of which the nearer one opens',
    [TUESDAYS, WORKDAYS],
    '2026-11-30T18:00',
    { open: false, opensAt: '2026-12-01T09:00', by: 'workdays' },
  ],
  [
    'two Allows that overlap: until the last of them closes',
    [WORKDAYS, TUESDAYS, EVENINGS],
    '2026-12-01T13:00',
    { open: true, until: '2026-12-01T20:00', by: 'tuesdays' },
  ],
  ['a Deny alone that is not open', [LUNCH], '2026-11-30T10:00', { open: true, until: '2026-11-30T12:00', by: null }],
  ['a Deny alone that is open', [LUNCH], '2026-11-30T12:30', { open: false, opensAt: '2026-11-30T13:00', by: 'lunch' }],
  [
    'a Deny within an Allow wins',
    [WORKDAYS, LUNCH],
    '2026-11-30T12:30',
    { open: false, opensAt: '2026-11-30T13:00', by: 'lunch' },
  ],
  [
    'an Allow is open until the Deny within it',
    [WORKDAYS, LUNCH],
    '2026-11-30T10:00',
    { open: true, until: '2026-11-30T12:00', by: 'workdays' },
  ],
  [
    'an Allow whose beginning is denied opens after that',
    [TUESDAYS, LUNCH],
    '2026-11-30T10:00',
    { open: false, opensAt: '2026-12-01T13:00', by: 'tuesdays' },
  ],
  [
    'a Deny that is open decides, though no Allow is either',
    [TUESDAYS, DECEMBER],
    '2026-12-23T10:00',
    { open: false, opensAt: '2027-01-05T12:00', by: 'december' },
  ],
  [
    'of two Denies the longer one decides',
    [LUNCH, DECEMBER],
    '2026-12-23T12:30',
    { open: false, opensAt: '2027-01-03T00:00', by: 'december' },
  ],
  ['a Deny without an end', [LUNCH, ALWAYS, WORKDAYS], '2026-12-23T12:30', { open: false, by: 'always' }],
])('%s', (_, windows, at, { open, opensAt, until, by }) => {
  const verdict = judgeWindows(windows, Date.parse(`${at}Z`));
  const moment = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(`${text}Z`));
  expect({ ...verdict, by: verdict.by?.name ?? null }).toEqual({
    open,
    opensAt: moment(opensAt),
    until: moment(until),
    by,
  });
});

describe('windows that never meet', () => {
  test('have no opening in sight', () => {
    const windows = [declare('odd', '1-59/2 * * * *', '30s'), deny('odd minutes', '1-59/2 * * * *', '1m')];
    const verdict = judgeWindows(windows, Date.parse('2026-11-30T10:00Z'));
    expect(verdict).toEqual({ open: false, opensAt: null, until: null, by: windows[0]?.spec });
  });
});

test('what is said of the future is so when it has come', () => {
  const windows = [WORKDAYS, TUESDAYS, EVENINGS, LUNCH, DECEMBER];
  let at = Date.parse('2026-11-28T10:00Z');
  for (let change = 0; change < 60; change++) {
    const verdict = judgeWindows(windows, at);
    const next = (verdict.open ? verdict.until : verdict.opensAt) ?? Number.NaN;
    expect(next).toBeGreaterThan(at);
    expect(judgeWindows(windows, next - 1)).toMatchObject({ open: verdict.open });
    expect(judgeWindows(windows, next)).toMatchObject({ open: !verdict.open });
    at = next;
  }
});
