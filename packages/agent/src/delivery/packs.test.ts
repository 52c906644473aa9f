import { expect, test } from 'vitest';
import type { Pack } from './packs.ts';
import { Packs } from './packs.ts';

const pack = (size: number): Pack => ({ bytes: Buffer.alloc(size) });

test('what was not used for longest goes first', () => {
  const packs = new Packs(100);
  const [a, b, c] = [pack(40), pack(40), pack(40)];
  packs.hold(a)();
  packs.hold(b)();
  packs.hold(a)();
  packs.hold(c)();
  expect([a.bytes?.length, b.bytes, c.bytes?.length]).toEqual([40, null, 40]);
  expect(packs.bytes).toBe(80);
});

test('what is held stays, whatever its size, until the last holder lets go', () => {
  const packs = new Packs(10);
  const big = pack(1_000);
  const first = packs.hold(big);
  const second = packs.hold(big);
  first();
  packs.hold(pack(5))();
  expect(big.bytes).not.toBeNull();
  second();
  expect(big.bytes).toBeNull();
});

test('a pack that comes back counts again', () => {
  const packs = new Packs(100);
  const one = pack(80);
  packs.hold(one)();
  packs.drop(one);
  expect(packs.bytes).toBe(0);
  const release = packs.hold(one);
  one.bytes = Buffer.alloc(80);
  release();
  expect(packs.bytes).toBe(80);
});
