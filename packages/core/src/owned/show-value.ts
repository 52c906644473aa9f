import { printJson } from '@plumb/api';

const LONGEST = 60;
const HIDDEN = '***';

/** A value for people, as JSON in one short line; `hidden`: nothing of it but whether it is there. */
export function shownValue(value: unknown, hidden: boolean): string {
  if (value === undefined) return 'nothing';
  if (hidden) return HIDDEN;
  const text = printJson(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}
