import { expect, test } from 'vitest';
import { takeoverProblems } from './replicas.ts';

test('a takeover within the time it may take is none to speak of, a later one is told', () => {
  const [soon, late] = [19_999, 20_001].map((ms) => ({ host: 'replica-1', what: 'killed', ms }));
  expect(takeoverProblems([soon, late].flatMap((one) => one ?? []))).toEqual([
    'replica-1 was killed and taken over after 20.0 s, later than 20 s',
  ]);
});
