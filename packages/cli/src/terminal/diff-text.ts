import type { ObjectDiff } from '@plumb/agent';
import { displayKey } from '@plumb/api';
import type { FieldChange } from '@plumb/core';
import { printYaml } from '@plumb/render';
import type { Paint } from './paint.ts';
import { visible } from './visible.ts';

const MARKS = {
  created: ['green', '+', ''],
  changed: ['yellow', '~', ''],
  recreated: ['yellow', '±', 'would be deleted and made anew, for what cannot change'],
  deleted: ['red', '-', ''],
  untried: ['dim', '?', 'not tried'],
  failed: ['red', '!', 'would fail'],
} as const;

/** Unchanged lines shown around a change inside a long text. */
const AROUND = 2;

/** What a change would do, for people: an object a line, and below it each field that changes. */
export function diffText(diffs: readonly ObjectDiff[], paint: Paint): string {
  return diffs.map((diff) => objectText(diff, paint)).join('');
}

/** `3 created, 1 changed`, in the order of the list above; empty for none. */
export function diffSummary(diffs: readonly ObjectDiff[]): string {
  const counts = (Object.keys(MARKS) as ObjectDiff['change'][]).flatMap((change) => {
    const count = diffs.filter((diff) => diff.change === change).length;
    return count === 0 ? [] : [`${count} ${change}`];
  });
  return counts.join(', ');
}

function objectText({ key, change, fields, message, role }: ObjectDiff, paint: Paint): string {
  const [colour, mark, word] = MARKS[change];
  const said = message.split('\n').map(visible).join('\n    ');
  const why = word === '' ? ` (${said})` : ` ${word}: ${said}`;
  const note = message === '' ? '' : why;
  const kind = role === undefined ? '' : ` (${visible(role)})`;
  const head = paint(colour, `${mark} ${visible(displayKey(key))}${kind}${note}`);
  return `${head}\n${fields.map((field) => fieldText(field, paint)).join('')}`;
}

function fieldText({ path, before, after }: FieldChange, paint: Paint): string {
  const [old, now] = [linesOf(before), linesOf(after)];
  const same = sharedEnds(old, now);
  const shown = [
    ...old.slice(Math.max(0, same.head - AROUND), same.head).map((line) => paint('dim', `        ${line}`)),
    ...old.slice(same.head, old.length - same.tail).map((line) => paint('red', `      - ${line}`)),
    ...now.slice(same.head, now.length - same.tail).map((line) => paint('green', `      + ${line}`)),
    ...old
      .slice(old.length - same.tail)
      .slice(0, AROUND)
      .map((line) => paint('dim', `        ${line}`)),
  ];
  return `    ${visible(path)}\n${shown.map((line) => `${line}\n`).join('')}`;
}

/** Lines that both texts begin and end with. */
function sharedEnds(a: readonly string[], b: readonly string[]): { head: number; tail: number } {
  const least = Math.min(a.length, b.length);
  let head = 0;
  while (head < least && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < least - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return { head, tail };
}

/** A value as a manifest has it; what is not there has no line. */
function linesOf(value: unknown): string[] {
  if (value === undefined) return [];
  const text = typeof value === 'string' && value.includes('\n') ? value : printYaml(value);
  return text.replace(/\n$/, '').split('\n').map(visible);
}
