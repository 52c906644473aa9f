import { FakeClock } from '@plumb/testkit';
import { expect, test } from 'vitest';
import { repeat } from './repeat.ts';

test('work is done again some time after it has ended, until it is not wanted any more', async () => {
  const clock = new FakeClock();
  let times = 0;
  let end: () => void = () => undefined;
  const stop = repeat(clock, 1_000, () => {
    times += 1;
    return new Promise((resolve) => (end = resolve));
  });
  await clock.advance(999);
  expect(times).toBe(0);
  await clock.advance(1);
  expect(times).toBe(1);
  await clock.advance(10_000);
  expect(times).toBe(1);
  end();
  await clock.advance(0);
  await clock.advance(1_000);
  expect(times).toBe(2);
  stop();
  end();
  await clock.advance(10_000);
  expect(times).toBe(2);
});
