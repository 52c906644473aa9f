import { displayKey } from '@plumb/api';
import type { ReleaseDiff } from '@plumb/preview';
import { diffSummary, diffText } from './diff-text.ts';
import type { Paint } from './paint.ts';
import { visible, visibleText } from './visible.ts';

/** What the agent would do to a release, for people: what and why, then the objects, then the hooks in their order. */
export function releaseDiffText({ outlook, objects, left, hooks, acts }: ReleaseDiff, paint: Paint): string {
  const head = acts ? headText(outlook.text, outlook.details, paint) : '';
  const stays = left.length === 0 ? [] : [paint('dim', 'changed by others, and left as they are')];
  const runs = hooks.map(({ event, key, weight }) => {
    const order = weight === 0 ? '' : paint('dim', ` (weight ${weight})`);
    return `  ${event}: ${visible(displayKey(key))}${order}`;
  });
  const hooked = runs.length === 0 ? [] : [paint('bold', 'hooks that would run'), ...runs];
  return [head, diffText(objects, paint), lines(stays), diffText(left, paint), lines(hooked)].join('');
}

/** What it is about, and below it a line each. */
export function headText(text: string, details: readonly string[], paint: Paint): string {
  return lines([paint('bold', visible(text)), ...details.map((line) => `  ${visible(line)}`)]);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

/** How it ends, in a line. */
export function releaseDiffSummary({ outlook, objects, left, hooks, acts }: ReleaseDiff): string {
  if (!acts) {
    const stay = left.length === 0 ? '' : `; ${leftText(left.length)}`;
    return `nothing would change: ${visible(outlook.text)}${stay}`;
  }
  const changes = objects.length === 0 ? 'no object would change' : diffSummary(objects);
  return [changes, ...(hooks.length === 0 ? [] : [`${counted(hooks.length, 'hook')} would run`])].join(', ');
}

function leftText(count: number): string {
  return count === 1
    ? '1 object that others changed would stay as it is'
    : `${count} objects that others changed would stay as they are`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** What is to be told beside a result. */
export function tellOf({
  warnings,
  assumptions,
}: {
  warnings: readonly string[];
  assumptions: readonly string[];
}): string {
  const told = [...warnings, ...assumptions.map((text) => `taken for granted: ${text}`)];
  return lines(told.map((text) => `note: ${visibleText(text)}`));
}
