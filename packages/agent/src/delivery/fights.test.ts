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
  for (let index = 0; index < 512; index++) fights.corrected(`object-${index}`, NOW);
  fights.corrected('late', NOW + 100_000);
  expect(fights.size).toBe(1);
});

test('no fight is lost, however many there are and however many objects are put right once meanwhile', () => {
  const fights = new Fights();
  for (let round = 0; round < 6; round++)
    for (let index = 0; index < 400; index++) fights.corrected(`fought-${index}`, NOW + round);
  for (let index = 0; index < 2_000; index++) fights.corrected(`quiet-${index}`, NOW + 10);
  expect(fights.count(NOW + 10)).toBe(400);
  expect(fights.dueAt('fought-0', NOW + 10)).toBeGreaterThan(NOW + 10);
});

test('what is kept does not grow with time', () => {
  const fights = new Fights();
  let most = 0;
  for (let minute = 0; minute < 1_000; minute++) {
    for (let index = 0; index < 10; index++) fights.corrected(`object-${minute}-${index}`, NOW + minute * 60_000);
    fights.corrected('fought', NOW + minute * 60_000);
    most = Math.max(most, fights.size);
  }
  expect(most).toBeLessThanOrEqual(256 + 10);
});
