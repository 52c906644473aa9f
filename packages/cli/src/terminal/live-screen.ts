import { styleText } from 'node:util';
import type { Addresses, Screen, Write } from './screen.ts';
import { nameOf } from './screen.ts';
import { visible, visibleText } from './visible.ts';
import type { UnitLine } from './words.ts';
import { age, clockTime, unitLine } from './words.ts';

const STATE_STYLE = {
  Ready: 'green',
  Working: 'yellow',
  Waiting: 'yellow',
  New: 'yellow',
  Suspended: 'blue',
  Failed: 'red',
  Stalled: 'red',
} as const;

const REDRAW_MS = 100;
const TICK_MS = 1_000;

/** What happens scrolls by above; below it stands what is, drawn anew at most ten times a second. */
export function liveScreen(write: Write, now: () => number, columns: () => number): Screen {
  let shown: Addresses | null = null;
  let units: UnitLine[] = [];
  let step = '';
  let drawn = 0;
  let pending: NodeJS.Timeout | null = null;

  const erase = (): void => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const lines = block({ shown, units, step, now: now(), columns: columns() });
    write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  const redraw = (): void => {
    pending ??= setTimeout(() => {
      pending = null;
      draw();
    }, REDRAW_MS);
  };
  const say = (text: string): void => {
    erase();
    write(`${styleText('dim', clockTime(now()))} ${text}\n`);
    draw();
  };
  const ticking = setInterval(redraw, TICK_MS);
  return {
    step(message) {
      step = message;
      redraw();
    },
    notice({ level, message }) {
      const text = visibleText(message);
      say(level === 'error' ? styleText('red', text) : text);
    },
    tell(telling) {
      const name = styleText('bold', nameOf(telling));
      const lines = condense(telling.event.message.split('\n')).map(visible);
      const warned = telling.event.type === 'Warning';
      for (const line of lines) say(`${name} ${warned ? styleText('red', line) : line}`);
    },
    units(all) {
      units = all.map(unitLine);
      redraw();
    },
    addresses(addresses) {
      shown = addresses;
      step = 'waiting for the example';
      redraw();
    },
    ready(_addresses, seconds) {
      step = '';
      erase();
      const text = `ready after ${seconds.toFixed(1)} s: commit to the Git repository, or change the cluster by hand, and watch`;
      write(`${styleText('green', text)}\n`);
      draw();
    },
    stopping() {
      step = 'stopping';
      draw();
    },
    close() {
      clearInterval(ticking);
      if (pending !== null) clearTimeout(pending);
    },
  };
}

const STATE_WIDTH = 9;
const LONG_LIST = 4;

/** `17 created: Service/shop/cart, Service/shop/checkout, ...` for what would be seventeen lines; other messages stay as they are. */
export function condense(lines: readonly string[]): string[] {
  if (lines.length <= LONG_LIST) return [...lines];
  const byAction = Map.groupBy(lines, (line) => /^\S+ (created|configured|deleted)$/.exec(line)?.[1] ?? '');
  if (byAction.has('')) return [...lines];
  return [...byAction].map(([action, changed]) => {
    const names = changed.slice(0, LONG_LIST - 1).map((line) => line.split(' ', 1)[0]);
    const more = changed.length > names.length ? ', ...' : '';
    return `${changed.length} ${action}: ${names.join(', ')}${more}`;
  });
}

interface View {
  shown: Addresses | null;
  units: readonly UnitLine[];
  step: string;
  now: number;
  columns: number;
}

/** The lines of the lower part, none longer than the terminal is wide. */
export function block(view: View): string[] {
  const { shown, units, step, columns } = view;
  const lines = [''];
  if (shown !== null) {
    lines.push(cut(`  cluster     ${shown.url}`, columns));
    lines.push(cut(`  kubeconfig  ${shown.kubeconfig}`, columns));
    lines.push(cut(`  git         ${shown.git}`, columns), '');
  }
  if (units.length > 0) lines.push(...table(view));
  if (step !== '') lines.push(cut(`  ${step} ...`, columns));
  lines.push(styleText('dim', cut('  Ctrl-C stops everything', columns)));
  return lines;
}

function table({ units, now, columns }: View): string[] {
  const widths = {
    name: widest(
      units.map(({ name }) => name),
      13,
    ),
    revision: widest(
      units.map(({ revision }) => revision),
      8,
    ),
  };
  const head = `  ${'KUSTOMIZATION'.padEnd(widths.name)}  ${'REVISION'.padEnd(widths.revision)}  ${'STATE'.padEnd(STATE_WIDTH)}  AGE`;
  const rows = units.map(({ name, revision, state, detail, since }) => {
    const left = cut(`  ${name.padEnd(widths.name)}  ${revision.padEnd(widths.revision)}  `, columns - STATE_WIDTH);
    const right = `  ${age(since, now).padEnd(4)}  ${detail}`.trimEnd();
    const room = Math.max(0, columns - left.length - STATE_WIDTH);
    return `${left}${styleText(STATE_STYLE[state], state.padEnd(STATE_WIDTH))}${cut(right, room)}`;
  });
  return [styleText('dim', cut(head, columns)), ...rows, ''];
}

function widest(texts: readonly string[], least: number): number {
  return Math.max(least, ...texts.map((text) => text.length));
}

function cut(text: string, columns: number): string {
  if (text.length <= columns) return text;
  return columns <= 1 ? '' : `${text.slice(0, columns - 1)}…`;
}
