import { expect, test } from 'vitest';
import type { Requirement } from './facts.ts';
import { toldOfHeld } from './told.ts';

const one = (verdict: Requirement['verdict'], message: string, policy = 'ReleasePolicy/shop/p'): Requirement => ({
  policy,
  generation: 1,
  rule: 'images',
  verdict,
  message,
  evidence: [],
});

test.each<[string, Requirement[], string]>([
  ['nothing', [], ''],
  ['what is met, warned of or overridden', [one('Met', 'a'), one('Warned', 'b'), one('Overridden', 'c')], ''],
  ['what is missing', [one('Met', 'a'), one('Missing', 'b')], 'waits for b'],
  ['all that is missing', [one('Missing', 'a'), one('Missing', 'b')], 'waits for a, and for b'],
  [
    'what several ask for, once',
    [one('Missing', 'a'), one('Missing', 'b'), one('Missing', 'a')],
    'waits for a, and for b',
  ],
  ['what denies', [one('Denied', 'a')], 'refused by images in ReleasePolicy/shop/p: a'],
  ['who refuses', [one('Denied', 'bob rejected it', 'approvals')], 'refused: bob rejected it'],
  [
    'first what denies',
    [one('Missing', 'a'), one('Denied', 'b'), one('Denied', 'c', 'approvals')],
    'refused by images in ReleasePolicy/shop/p: b; refused: c; waits for a',
  ],
])('%s is told', (_what, requirements, text) => {
  expect(toldOfHeld({ requirements })).toBe(text);
});
