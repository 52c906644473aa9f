import { expect, test } from 'vitest';
import { giveBackMemory, memoryShares, parseMemoryMax } from './memory.ts';

const MIB = 1024 * 1024;

test.each([
  ['max\n', null],
  ['536870912\n', 512 * MIB],
  ['', null],
  ['9223372036854771712', null],
  ['-1', null],
])('memory.max %j is %j', (text, bytes) => {
  expect(parseMemoryMax(text)).toBe(bytes);
});

test.each([
  { limit: 64 * MIB, bodies: 4, engine: 64, slots: 1 },
  { limit: 256 * MIB, bodies: 16, engine: 128, slots: 1 },
  { limit: 512 * MIB, bodies: 32, engine: 256, slots: 1 },
  { limit: 1_536 * MIB, bodies: 64, engine: 512, slots: undefined },
  { limit: 16_384 * MIB, bodies: 64, engine: 768, slots: undefined },
])('of $limit bytes, $bodies MiB are for bodies and $engine MiB for a helper', ({ limit, bodies, engine, slots }) => {
  const shares = memoryShares(limit);
  expect(shares.bodiesLimit).toBe(bodies * MIB);
  expect(shares.engine).toEqual({ memoryLimit: engine * MIB, ...(slots === undefined ? {} : { slots }) });
});

test('without a bound all parts have their defaults', () => {
  expect(memoryShares(null)).toEqual({});
});

test('memory that nobody uses is given back', () => {
  const used = (): number => process.memoryUsage().heapUsed;
  giveBackMemory();
  const before = used();
  let litter: object[] | null = Array.from({ length: 200_000 }, (_, index) => ({ index, text: String(index) }));
  expect(litter.length).toBe(200_000);
  expect(used() - before).toBeGreaterThan(8 * MIB);
  litter = null;
  giveBackMemory();
  expect(used() - before).toBeLessThan(4 * MIB);
});
