import { expect, test } from 'vitest';
import { loadProblems } from './proxy.ts';

test.each([
  { before: 20, during: 20, after: 60, wrong: [] },
  { before: 20, during: 21, after: 20, wrong: ['21 requests within one second of the storm'] },
  { before: 20, during: 10, after: 61, wrong: ['61 requests within one second after the storm'] },
])('a load of $before, then $during, then $after: $wrong', ({ wrong, ...peaks }) => {
  expect(loadProblems(peaks)).toEqual(wrong.map((text) => `${text}, and no more than ${peaks.before} before it (I12)`));
});
