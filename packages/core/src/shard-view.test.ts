import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ShardEvent, ShardState, View } from './shard-view.ts';
import { actsOn, isSettled, joinShards, stepShards } from './shard-view.ts';
import { memberId, shardOwner } from './shard.ts';
import { ShardWorld } from './testing/shard-world.ts';

const [A, B, C] = [memberId('a', '1'), memberId('b', '1'), memberId('c', '1')];
const UNITS = Array.from({ length: 40 }, (_, index) => `Kustomization/apps/unit-${index}`);

const view = (number: number, ...members: string[]): View => ({ number, members: members.sort() });
const seen = (member: string, its: View | null): ShardEvent => ({ type: 'seen', member, view: its });
const run = (state: ShardState, ...events: ShardEvent[]): ShardState => events.reduce(stepShards, state);
const write = [{ type: 'publishing' }, { type: 'published' }] as const;
const acting = (state: ShardState): string[] => UNITS.filter((unit) => actsOn(state, unit));
const owned = (self: string, ...members: string[]): string[] =>
  UNITS.filter((unit) => shardOwner(unit, members.sort()) === self);

const alone = run(joinShards(A, new Map()), ...write);
const pair = run(alone, seen(B, null), ...write, seen(B, view(2, A, B)));

describe('a member alone', () => {
  test('acts on nothing before its view is written', () => {
    const joined = joinShards(A, new Map());
    expect(joined.next).toEqual(view(1, A));
    expect(acting(joined)).toEqual([]);
    expect(acting(stepShards(joined, { type: 'publishing' }))).toEqual([]);
  });

  test('acts on everything as soon as it is', () => {
    expect(acting(alone)).toEqual(UNITS);
    expect(isSettled(alone)).toBe(true);
  });
});

describe('when a member joins', () => {
  test('the one that acted stops at once for what it loses, and goes on with the rest', () => {
    expect(acting(stepShards(alone, seen(B, null)))).toEqual(owned(A, A, B));
  });

  test('the new one acts only when the other has published the view of both', () => {
    const joined = run(joinShards(B, new Map([[A, view(1, A)]])), ...write);
    expect(joined.standing).toEqual([view(2, A, B)]);
    expect(acting(joined)).toEqual([]);
    expect(acting(stepShards(joined, seen(A, view(2, A, B))))).toEqual(owned(B, A, B));
  });

  test('a view that another proposed under a higher number is taken over', () => {
    const joined = run(joinShards(B, new Map([[A, view(7, A)]])), ...write);
    const state = run(alone, seen(B, joined.standing.at(-1) ?? null));
    expect(state.next).toEqual(view(8, A, B));
    expect(run(state, ...write).standing).toEqual([view(8, A, B)]);
  });
});

describe('when a member is gone', () => {
  test('the others take its units when all of them have published, and keep their own meanwhile', () => {
    const three = run(
      joinShards(
        A,
        new Map([
          [B, null],
          [C, null],
        ]),
      ),
      ...write,
    );
    const agreed = run(three, seen(B, view(1, A, B, C)), seen(C, view(1, A, B, C)));
    const without = run(agreed, { type: 'gone', member: C }, ...write);
    expect(acting(without)).toEqual(owned(A, A, B, C));
    expect(acting(run(without, seen(B, view(2, A, B))))).toEqual(owned(A, A, B));
  });

  test('a view that was published before under another number does not count', () => {
    const back = run(pair, { type: 'gone', member: B }, ...write, seen(B, view(2, A, B)));
    expect(back.next).toEqual(view(4, A, B));
    expect(acting(run(back, ...write))).toEqual(owned(A, A, B));
    expect(isSettled(run(back, ...write))).toBe(false);
  });

  test('what was lost in between is not taken up before the next agreement', () => {
    const joining = run(pair, seen(C, null), ...write);
    const left = stepShards(joining, { type: 'gone', member: C });
    expect(acting(left)).toEqual(owned(A, A, B).filter((unit) => owned(A, A, B, C).includes(unit)));
    expect(acting(run(left, ...write))).toEqual(acting(left));
    expect(acting(run(left, ...write, seen(B, view(4, A, B))))).toEqual(owned(A, A, B));
  });
});

test('members that come and go for long do not make the list of binding views long', () => {
  let state = pair;
  for (let turn = 0; turn < 50; turn += 1) {
    state = run(state, seen(C, null), ...write, { type: 'gone', member: C }, ...write);
  }
  expect(state.standing.length).toBeLessThanOrEqual(3);
});

/** Numbers below 2^30 from a seed (Marsaglia's xorshift). */
function* numbers(seed: number): Generator<number> {
  for (let state = seed | 1; ;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 2;
  }
}

test('I13: whatever is late, lost, stopped or killed, no two members ever act on one unit, and in the end each has one', () => {
  let sent = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const world = new ShardWorld();
      const random = numbers(seed);
      const draw = (): number => random.next().value as number;
      for (let member = 0; member < 3; member += 1) world.join(member);
      for (let move = 0; move < 2_000; move += 1) world.move(draw(), draw());
      sent += world.sent;
      expect(world.broken).toEqual([]);
      expect(world.rest()).toEqual([]);
      expect(world.broken).toEqual([]);
    }),
    { numRuns: 100 },
  );
  expect(sent).toBeGreaterThan(2_000);
});
