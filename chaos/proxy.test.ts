import { expect, test } from 'vitest';
import { loadProblems } from './proxy.ts';

const BEFORE = { mean: 10, peak: 20 };
const QUIET = { mean: 5, peak: 10 };

test.each([
  { during: { mean: 10, peak: 30 }, after: { mean: 60, peak: 60 }, wrong: [] },
  {
    during: { mean: 11, peak: 20 },
    after: QUIET,
    wrong: ['11 requests a second in the storm, and no more than 10 may be (I12)'],
  },
  {
    during: { mean: 10, peak: 31 },
    after: QUIET,
    wrong: ['31 requests within one second of the storm, and no more than 30 may be (I12)'],
  },
  {
    during: QUIET,
    after: { mean: 5, peak: 61 },
    wrong: ['61 requests within one second after the storm, and no more than 60 may be (I12)'],
  },
])('a load of $during, then $after: $wrong', ({ during, after, wrong }) => {
  expect(loadProblems({ before: BEFORE, during, after })).toEqual(wrong);
});
