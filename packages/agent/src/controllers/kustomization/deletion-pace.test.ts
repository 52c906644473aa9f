import { kustomizationMessages as messages, say } from '@plumb/api';
import { expect, test } from 'vitest';
import { paceOf } from './deletion-pace.ts';
import type { Finalized } from './finalize.ts';

const said = (error: string) => [say(messages.deletionPruneFailed, {}), say(messages.pruneFailed, { error })];

/** Tries in a row, with the longest wait the dice can give. */
function tries(...all: [Finalized['next'], string?][]): { told: number; after: number | null }[] {
  let trouble = { count: 0, told: '' };
  return all.map(([next, error]) => {
    const pace = paceOf({ next, said: error === undefined ? [] : said(error) }, trouble, 1 - Number.EPSILON);
    trouble = pace.trouble;
    return { told: pace.said.length, after: pace.after };
  });
}

test('a deletion that fails is tried ever more slowly, up to a quarter of an hour', () => {
  const waits = tries(...Array.from({ length: 30 }, (): ['retry', string] => ['retry', 'forbidden']));
  expect(waits.slice(0, 4).map(({ after }) => after)).toEqual([750, 1_500, 3_000, 6_000]);
  expect(waits.at(-1)?.after).toBe(15 * 60_000);
});

test('the same failure is told once, another one again', () => {
  const told = tries(['retry', 'a'], ['retry', 'a'], ['unreached', 'b'], ['unreached', 'b'], ['retry', 'a']);
  expect(told.map((one) => one.told)).toEqual([2, 0, 2, 0, 2]);
});

test('a cluster that cannot be reached is looked for at a steady pace', () => {
  expect(tries(['unreached', 'a'], ['unreached', 'a']).map(({ after }) => after)).toEqual([30_000, 30_000]);
});

test('what follows a try that went well starts afresh', () => {
  expect(tries(['retry', 'a'], ['wait'], ['retry', 'a'], ['gone', 'left'])).toEqual([
    { told: 2, after: 750 },
    { told: 0, after: null },
    { told: 2, after: 750 },
    { told: 2, after: null },
  ]);
});
