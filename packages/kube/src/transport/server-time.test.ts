import { expect, test } from 'vitest';
import { ServerTime } from './server-time.ts';

const NOON = 'Tue, 03 Nov 2026 12:00:00 GMT';
const noon = Date.parse(NOON);

function timeAt(): { time: ServerTime; pass: (ms: number) => void } {
  let elapsed = 1_000;
  return { time: new ServerTime(() => elapsed), pass: (ms) => void (elapsed += ms) };
}

test('is not known before the server has told it', () => {
  const { time } = timeAt();
  expect(time.now).toBeNull();
  time.learn(undefined);
  time.learn('soon');
  expect(time.now).toBeNull();
});

test('goes on from what the server said by the time that has passed, whatever the clock of this machine says', () => {
  const { time, pass } = timeAt();
  time.learn(NOON);
  pass(90_000);
  expect(time.now).toBe(noon + 90_000);
});

test('follows a server that was put back', () => {
  const { time, pass } = timeAt();
  time.learn(NOON);
  pass(60_000);
  time.learn('Tue, 03 Nov 2026 11:00:00 GMT');
  expect(time.now).toBe(noon - 3_600_000);
});

test('looks at one answer in five seconds', () => {
  const { time, pass } = timeAt();
  time.learn(NOON);
  pass(4_999);
  time.learn('Tue, 03 Nov 2026 13:00:00 GMT');
  expect(time.now).toBe(noon + 4_999);
});

test('stands still in a leap second', () => {
  const { time, pass } = timeAt();
  time.learn('Sat, 31 Dec 2016 23:59:54 GMT');
  pass(6_000);
  time.learn('Sat, 31 Dec 2016 23:59:60 GMT');
  expect(time.now).toBe(Date.parse('2016-12-31T23:59:59Z'));
  pass(1_000);
  expect(time.now).toBe(Date.parse('2017-01-01T00:00:00Z'));
});
