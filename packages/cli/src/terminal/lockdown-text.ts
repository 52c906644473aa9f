import type { Lockdown } from '@plumb/api';
import { endTime, lockdownKind, lockdownText } from '@plumb/preview';
import { table } from './table.ts';
import { age } from './words.ts';

/** Lockdowns, one a line. One that has ended by itself is still there until somebody deletes it. */
export function lockdownTable(lockdowns: readonly Lockdown[], now: number): string {
  const rows = lockdowns.map((lockdown) => {
    const { metadata, spec } = lockdown;
    const end = endTime(lockdown);
    const left = end <= now ? 'ended' : age(now, end);
    return [metadata.name, lockdownKind(spec), spec.until, left, spec.by, spec.reason, lockdownText(spec)];
  });
  return table([['NAME', 'KIND', 'UNTIL', 'LEFT', 'BY', 'REASON', 'ABOUT'], ...rows]);
}
