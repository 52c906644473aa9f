import { rmSync } from 'node:fs';
import { PlumbError, systemError, userError } from '@plumb/api';
import { expect, test } from 'vitest';
import { Chance } from '../chance.ts';
import { badEnd } from './judge.ts';
import { hostileRound } from './round.ts';
import { HostileYaml } from './yaml.ts';

test('drawn files and repositories give objects or one message, and their neighbours go on', async () => {
  const { problems, counts } = await hostileRound({ seed: 1, draws: 20 });
  expect(problems).toEqual([]);
  expect(counts['files']).toBeGreaterThan(5);
  expect(counts['repositories']).toBeGreaterThan(3);
}, 600_000);

test('a draw that ends its process is told with its number, and the next ones are drawn', async () => {
  const { problems, counts, dir } = await hostileRound({ seed: 1, draws: 3, program: 'testing/dying-process.ts' });
  rmSync(dir, { recursive: true });
  expect(problems).toEqual([expect.stringMatching(/^--draw 2: .*: its process ended with 7: out of luck/)]);
  expect(counts).toEqual({ draws: 2 });
});

test('the same seed and number draw the same, another number something else', () => {
  const yaml = new HostileYaml({ 'a.yaml': Buffer.from('a: [b, &c d]\n') });
  const drawn = (seed: number): string[] =>
    Array.from({ length: 20 }, (_, index) => JSON.stringify(yaml.manifest(new Chance(seed + index))));
  expect(drawn(5)).toEqual(drawn(5));
  expect(new Set(drawn(5)).size).toBeGreaterThan(15);
});

test.each<[what: string, error: unknown, ...problems: RegExp[]]>([
  ['one message to the user', userError('build-failed', "a.yaml:5: duplicate key 'a'")],
  ['a server that breaks off', systemError('source-failed', 'unable to clone: bad pack header')],
  ['another error', new TypeError('x is not a function'), /no PlumbError: TypeError: x is not a function\n +at /],
  ['an internal one', new PlumbError('internal', 'x', { fault: 'user', policy: 'retry' }), /is internal/],
  ['what is said to be the fault of the system', systemError('timeout', 'x'), /is the fault of the system: timeout/],
  ['nothing', userError('build-failed', ''), /has no message/],
  ['two lines', userError('build-failed', 'a\nb'), /line ends or control characters/],
  ['what a terminal acts on', userError('build-failed', '\u001b[2J'), /line ends or control characters/],
  ['a stack', userError('build-failed', 'x at parse (file:///a.ts:1:2)'), /shows a stack/],
  ['a stack of Go', userError('build-failed', 'goroutine 1 [running]'), /shows a stack/],
  ['a secret', userError('build-failed', 'hunter2 is no number'), /shows what it must not/],
  ['a whole file', userError('build-failed', 'x'.repeat(5_000)), /a message of 5000 characters/],
])('%s is judged', (_, error, ...problems) => {
  expect(badEnd({ error }, ['hunter2'])).toEqual(problems.map((words) => expect.stringMatching(words) as string));
});
