import { describe, expect, test } from 'vitest';
import { Pace, type Outcome } from './pace.ts';

/** A pace over a clock the test moves; chance is in the middle. */
class Bench {
  time = 0;
  readonly pace: Pace;

  constructor(most = 32) {
    this.pace = new Pace(most, { now: () => this.time, random: () => 0.5 });
  }

  /** One request sent now and answered after `took` ms. */
  answer(status: number, { took = 5, ...rest }: Partial<Outcome> & { took?: number } = {}): void {
    const sentAt = this.time;
    this.time += took;
    this.pace.learn({ verb: 'get', sentAt, status, ...rest }, true);
  }
}

describe('429', () => {
  test('halves the window and holds it, longer each time while refusals go on', () => {
    const bench = new Bench();
    const seen: [number, number][] = [];
    for (let round = 0; round < 4; round++) {
      bench.answer(429);
      seen.push([bench.pace.limit, Math.round(bench.pace.hold)]);
      bench.time += bench.pace.hold;
    }
    expect(seen).toEqual([
      [16, 200],
      [8, 400],
      [4, 800],
      [2, 1_600],
    ]);
  });

  test('holds for as long as the server asked, and a little more', () => {
    const bench = new Bench();
    bench.answer(429, { retryAfter: 3_000 });
    expect(bench.pace.hold).toBe(3_375);
  });

  test('is never obeyed for more than a minute and its jitter', () => {
    const bench = new Bench();
    bench.answer(429, { retryAfter: 86_400_000 });
    expect(bench.pace.hold).toBeLessThanOrEqual(75_000);
  });

  test('counts once for all that was in flight together', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.pace.learn({ verb: 'get', sentAt: -1, status: 429 }, true);
    bench.pace.learn({ verb: 'get', sentAt: -1, status: 429 }, true);
    expect(bench.pace.limit).toBe(16);
  });

  test('never closes the window altogether, nor holds it for ever', () => {
    const bench = new Bench();
    for (let round = 0; round < 50; round++) {
      bench.answer(429);
      expect(bench.pace.hold).toBeLessThanOrEqual(12_500);
      bench.time += bench.pace.hold;
    }
    expect(bench.pace.limit).toBe(1);
  });
});

describe('5xx and lost connections', () => {
  test('one error may be about one object; three in a row are about the server', () => {
    const bench = new Bench();
    bench.answer(500);
    bench.answer(502);
    expect([bench.pace.limit, bench.pace.hold]).toEqual([32, 0]);
    bench.answer(504);
    expect(bench.pace.limit).toBe(16);
    expect(bench.pace.hold).toBeGreaterThan(0);
  });

  test('errors between good answers change nothing', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) {
      bench.answer(500);
      bench.answer(200);
    }
    expect([bench.pace.limit, bench.pace.hold]).toEqual([32, 0]);
  });

  test('errors that tell of the object sent change nothing, however many', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.answer(500, { harmless: true });
    expect([bench.pace.limit, bench.pace.hold]).toEqual([32, 0]);
  });

  test('503 that names a time is obeyed at once', () => {
    const bench = new Bench();
    bench.answer(503, { retryAfter: 1_000 });
    expect(bench.pace.hold).toBe(1_125);
  });

  test('a lost connection halves the window at once', () => {
    const bench = new Bench();
    bench.answer(0);
    expect(bench.pace.limit).toBe(16);
  });
});

describe('latency', () => {
  test('far above what is usual closes the window by steps, but not below a few', () => {
    const bench = new Bench();
    for (let index = 0; index < 50; index++) bench.answer(200, { took: 20 });
    for (let index = 0; index < 100; index++) bench.answer(200, { took: 2_000 });
    expect(bench.pace.limit).toBe(4);
    expect(bench.pace.hold).toBe(0);
  });

  test('that is always so is what is usual there', () => {
    const bench = new Bench();
    for (let index = 0; index < 100; index++) bench.answer(200, { took: 2_000 });
    expect(bench.pace.limit).toBe(32);
  });

  test('of one verb says nothing about another', () => {
    const bench = new Bench();
    for (let index = 0; index < 50; index++) {
      bench.answer(200, { took: 20 });
      bench.answer(200, { took: 900, verb: 'list' });
    }
    expect(bench.pace.limit).toBe(32);
  });
});

test('good answers open the window again by one for each full window, when it is full', () => {
  const bench = new Bench(8);
  bench.answer(429);
  bench.time += 400;
  expect(bench.pace.limit).toBe(4);
  for (let index = 0; index < 100; index++) bench.pace.learn({ verb: 'get', sentAt: bench.time, status: 200 }, false);
  expect(bench.pace.limit).toBe(4);
  for (let index = 0; index < 4; index++) bench.answer(200);
  expect(bench.pace.limit).toBe(4);
  for (let index = 0; index < 40; index++) bench.answer(200);
  expect(bench.pace.limit).toBe(8);
});
