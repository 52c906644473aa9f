import { expect, test } from 'vitest';
import { Fights } from './fights.ts';

const NOW = 1_000_000;

function fought(times: number): Fights {
  const fights = new Fights();
  for (let index = 0; index < times; index++) fights.corrected('a', NOW + index);
  return fights;
}

test('objects are budgeted one by one', () => {
  const fights = fought(5);
  expect(fights.dueAt('a', NOW + 10)).toBe(NOW + 4 + 1_000);
  expect(fights.dueAt('b', NOW + 10)).toBe(NOW + 10);
});

test('a fight is told once for each correction that did not hold, from the sixth on', () => {
  expect(fought(5).news('a', NOW + 10)).toBeNull();
  const fights = fought(6);
  expect(fights.news('a', NOW + 10)).toEqual({ corrections: 6, within: 5, next: 1_995 });
  expect(fights.news('a', NOW + 11)).toBeNull();
  fights.corrected('a', NOW + 2_005);
  expect(fights.news('a', NOW + 2_010)).toMatchObject({ corrections: 7, next: 3_995 });
  expect(fights.news('b', NOW)).toBeNull();
});

test('fights are counted while they last', () => {
  const fights = fought(6);
  fights.corrected('b', NOW);
  expect(fights.count(NOW + 10)).toBe(1);
  expect(fights.count(NOW + 100_000)).toBe(0);
});

test('objects left alone for long enough are let go of', () => {
  const fights = new Fights();
  for (let index = 0; index < 300; index++) fights.corrected(`object-${index}`, NOW);
  fights.corrected('late', NOW + 100_000);
  expect(fights.size).toBe(1);
});
