import type { ObjectDiff } from '@plumb/agent';
import { expect, test } from 'vitest';
import { diffText } from './diff-text.ts';
import { paintFor } from './paint.ts';

const key = (name: string): ObjectDiff['key'] => ({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  namespace: 'a',
  name,
});
const whole = (change: ObjectDiff['change'], message = ''): ObjectDiff => ({
  key: key(change),
  change,
  fields: [],
  message,
});
test('what is left out of a change is told behind it', () => {
  expect(diffText([whole('changed', 'no room')], paintFor({ isTTY: false }, {}))).toBe(
    '~ ConfigMap/a/changed (no room)\n',
  );
});

const diffs: ObjectDiff[] = [
  whole('created'),
  {
    ...whole('changed'),
    fields: [
      { path: 'data.colour', before: 'green', after: 'blue' },
      { path: 'data.gone', before: 'x', after: undefined },
      { path: 'data.text', before: 'a\nb\nc\nd\ne\nf\n', after: 'a\nb\nc\nD\ne\nf\n' },
    ],
  },
  whole('recreated', 'spec.selector'),
  whole('deleted'),
  whole('untried', 'its namespace comes with this change'),
  whole('failed', 'no'),
];

const PLAIN = `+ ConfigMap/a/created
~ ConfigMap/a/changed
    data.colour
      - green
      + blue
    data.gone
      - x
    data.text
        b
        c
      - d
      + D
        e
        f
± ConfigMap/a/recreated would be deleted and made anew, for what cannot change: spec.selector
- ConfigMap/a/deleted
? ConfigMap/a/untried not tried: its namespace comes with this change
! ConfigMap/a/failed would fail: no
`;

/** Escape codes as words, so that they can be read here. */
function named(text: string): string {
  const words: Readonly<Record<string, string>> = { 0: '/', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow' };
  return text.replaceAll(/\u001b\[(\d+)m/g, (_, code: string) => `<${words[code] ?? code}>`);
}

test('on a terminal each object has the colour of its change, and each line of a field that of its side', () => {
  expect(named(diffText(diffs, paintFor({ isTTY: true }, {})))).toBe(`<green>+ ConfigMap/a/created</>
<yellow>~ ConfigMap/a/changed</>
    data.colour
<red>      - green</>
<green>      + blue</>
    data.gone
<red>      - x</>
    data.text
<dim>        b</>
<dim>        c</>
<red>      - d</>
<green>      + D</>
<dim>        e</>
<dim>        f</>
<yellow>± ConfigMap/a/recreated would be deleted and made anew, for what cannot change: spec.selector</>
<red>- ConfigMap/a/deleted</>
<dim>? ConfigMap/a/untried not tried: its namespace comes with this change</>
<red>! ConfigMap/a/failed would fail: no</>
`);
});

test.each([
  { name: 'with NO_COLOR', stdout: { isTTY: true }, environment: { NO_COLOR: '1' } },
  { name: 'into a file', stdout: {}, environment: {} },
  { name: 'into what says that it is no terminal', stdout: { isTTY: false }, environment: {} },
])('$name it is plain', ({ stdout, environment }) => {
  expect(diffText(diffs, paintFor(stdout, environment))).toBe(PLAIN);
});

test('an empty NO_COLOR asks for nothing', () => {
  expect(diffText([whole('created')], paintFor({ isTTY: true }, { NO_COLOR: '' }))).toContain('\u001b[32m');
});

test('no terminal acts on what comes out of a manifest or a server', () => {
  const clear = '\u001b[2J';
  const fields = [{ path: `data[${clear}]`, before: undefined, after: `a\n${clear}` }];
  const shown: ObjectDiff[] = [
    { ...whole('changed'), fields },
    { ...whole('failed', `two\nlines${clear}`), key: key(clear) },
  ];
  expect(diffText(shown, (_, text) => text)).toBe(`~ ConfigMap/a/changed
    data[\\u{1b}[2J]
      + a
      + \\u{1b}[2J
! ConfigMap/a/\\u{1b}[2J would fail: two
    lines\\u{1b}[2J
`);
});
