import { expect, test } from 'vitest';

import { FakeClock } from './clock.ts';

test('timers fire in the order of their moments, at their moments', async () => {
  const clock = new FakeClock(0);
  const fired: string[] = [];
  clock.after(20, () => fired.push(`b at ${clock.now()}`));
  clock.after(10, () => fired.push(`a at ${clock.now()}`));
  clock.after(20, () => fired.push(`c at ${clock.now()}`));
  await clock.advance(19);
  expect(fired).toEqual(['a at 10']);
  await clock.advance(1);
  expect(fired).toEqual(['a at 10', 'b at 20', 'c at 20']);
  expect(clock.pending).toBe(0);
});

test('a timer set by a promise that a timer woke fires in the same advance', async () => {
  const clock = new FakeClock(0);
  const fired: number[] = [];
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i += 1) {
      await sleep(10);
      fired.push(clock.now());
    }
  };
  const done = loop();
  await clock.advance(30);
  await done;
  expect(fired).toEqual([10, 20, 30]);
});

test('a cancelled timer does not fire', async () => {
  const clock = new FakeClock();
  let fired = false;
  const cancel = clock.after(5, () => {
    fired = true;
  });
  expect(clock.untilNext).toBe(5);
  cancel();
  await clock.advance(10);
  expect(fired).toBe(false);
  expect(clock.untilNext).toBeNull();
});
