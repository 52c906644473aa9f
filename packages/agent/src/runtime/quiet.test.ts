import { FakeClock } from '@plumb/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Quiet } from './quiet.ts';

let clock: FakeClock;
let quiet: Quiet;
let told: number;

beforeEach(() => {
  clock = new FakeClock();
  told = 0;
  quiet = new Quiet({ clock, after: 10_000, tell: () => void (told += 1) });
});

test('tells once after the work has ended for a while', async () => {
  for (let turn = 0; turn < 30; turn++) {
    quiet.worked();
    await clock.advance(1_000);
  }
  expect(told).toBe(0);
  await clock.advance(9_000);
  expect(told).toBe(1);
  await clock.advance(3_600_000);
  expect(told).toBe(1);
});

test('tells again after more work', async () => {
  quiet.worked();
  await clock.advance(10_000);
  quiet.worked();
  await clock.advance(10_000);
  expect(told).toBe(2);
});

test('tells nothing when it is stopped', async () => {
  quiet.worked();
  quiet.stop();
  await clock.advance(20_000);
  expect(told).toBe(0);
});
