import { FakeClock } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { isInTime, LateAnswers, type Known } from './late-answers.ts';

interface Word {
  word: string;
}

let clock: FakeClock;
let answers: LateAnswers<Word>;
let asked: string[];

beforeEach(() => {
  clock = new FakeClock();
  answers = new LateAnswers({ clock, most: 3 });
  asked = [];
});

function ask(key: string, answer: () => Promise<Word> = async () => ({ word: key })): Known<Word> {
  const noted = (): Promise<Word> => {
    asked.push(key);
    return answer();
  };
  return answers.ask({ key, ask: noted, countsFor: (told) => ('trouble' in told ? 10 : 100) });
}

describe('a question', () => {
  test('is asked once at a time, and again when its answer counts no more', async () => {
    const [first, second] = [ask('a'), ask('a')];
    expect(first).toBe(second);
    expect([asked, first.told]).toEqual([['a'], null]);
    await first.asking;
    expect(first).toMatchObject({ told: { word: 'a' }, asking: null });
    await clock.advance(99);
    expect(ask('a').asking).toBeNull();
    await clock.advance(1);
    // What was told last is still there for whoever can use it.
    expect(ask('a')).toMatchObject({ told: { word: 'a' }, asking: expect.any(Promise) as Promise<void> });
    expect(asked).toEqual(['a', 'a']);
  });

  test('that fails is told as trouble in one short line, and asked again as soon as that counts no more', async () => {
    const known = ask('a', () => Promise.reject(new Error(`away\n${'x'.repeat(999)}`)));
    await known.asking;
    expect(known.told).toEqual({ trouble: `away ${'x'.repeat(495)}` });
    await clock.advance(10);
    await ask('a').asking;
    expect(known.told).toEqual({ word: 'a' });
  });

  test('is forgotten when it was not used for longest, but not while it is asked', async () => {
    const late = Promise.withResolvers<Word>();
    ask('late', () => late.promise);
    for (const key of ['a', 'b', 'c']) await ask(key).asking;
    ask('a');
    await ask('d').asking;
    asked.length = 0;
    for (const key of ['late', 'a', 'c', 'd']) ask(key);
    expect(asked).toEqual([]);
    await ask('b').asking;
    expect(asked).toEqual(['b']);
  });
});

test('what is done waits for all that is on its way', async () => {
  const late = Promise.withResolvers<Word>();
  ask('a', () => late.promise);
  let isDone = false;
  const done = answers.done().then(() => (isDone = true));
  await clock.advance(1_000);
  expect(isDone).toBe(false);
  late.resolve({ word: 'a' });
  await done;
});

test('an answer is waited for so long, and told of when it comes later', async () => {
  let told = 0;
  const patience = { clock, within: 1_000, onLate: () => (told += 1) };
  expect(await isInTime(Promise.resolve(), patience)).toBe(true);
  const late = Promise.withResolvers<void>();
  const inTime = isInTime(late.promise, patience);
  await clock.advance(1_000);
  expect([await inTime, told]).toEqual([false, 0]);
  late.resolve();
  await late.promise;
  expect(told).toBe(1);
});
