import { expect, test } from 'vitest';
import { giveBackMemory, memoryShares, memoryBound } from './memory.ts';

const MIB = 1024 * 1024;

test.each([
  [2 ** 64, null],
  [536_870_912, 512 * MIB],
  [0, null],
])('a constraint of %d is %j', (constrained, bytes) => {
  expect(memoryBound(constrained)).toBe(bytes);
});

test.each([
  { limit: 64 * MIB, cores: 4, bodies: 4, engine: 64, slots: 1, decryptor: 64 },
  { limit: 256 * MIB, cores: 4, bodies: 16, engine: 128, slots: 1, decryptor: 64 },
  { limit: 512 * MIB, cores: 4, bodies: 32, engine: 256, slots: 1, decryptor: 64 },
  { limit: 768 * MIB, cores: 4, bodies: 48, engine: 256, slots: 2, decryptor: 96 },
  { limit: 1_536 * MIB, cores: 64, bodies: 64, engine: 512, slots: 2, decryptor: 192 },
  { limit: 16_384 * MIB, cores: 64, bodies: 64, engine: 768, slots: 14, decryptor: 512 },
  { limit: 16_384 * MIB, cores: 4, bodies: 64, engine: 768, slots: 4, decryptor: 512 },
  { limit: 16_384 * MIB, cores: 0, bodies: 64, engine: 768, slots: 1, decryptor: 512 },
])(
  'of $limit bytes with $cores cores, $bodies MiB are for bodies, $engine MiB for each of $slots helpers, $decryptor MiB for decryption',
  ({ limit, cores, bodies, engine, slots, decryptor }) => {
    const shares = memoryShares(limit, cores);
    expect(shares.bodiesLimit).toBe(bodies * MIB);
    expect(shares.engine).toEqual({ memoryLimit: engine * MIB, slots });
    expect(shares.decryptorLimit).toBe(decryptor * MIB);
  },
);

test.each([64, 100, 200, 500, 767, 768, 1_000, 2_000, 5_000, 100_000])(
  'all helpers together fit into %i MiB, and more would not, or there are no cores for them',
  (size) => {
    const { memoryLimit = 0, slots = 0 } = memoryShares(size * MIB, 16).engine ?? {};
    const share = (size * MIB * 2) / 3;
    expect(slots === 1 || slots * memoryLimit <= share).toBe(true);
    expect(slots === 16 || (slots + 1) * memoryLimit > share).toBe(true);
  },
);

test('without a bound all parts have their defaults', () => {
  expect(memoryShares(null, 4)).toEqual({});
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
