import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lru } from './lru.ts';

test('what was used last is there, with the value it was given last', () => {
  const step = fc.record({ key: fc.nat(20), write: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limit = 8;
      const lru = new Lru<number, number>(limit);
      const written = new Map<number, number>();
      const wrong: number[] = [];
      let used: number[] = [];
      for (const [at, { key, write }] of steps.entries()) {
        const known = lru.get(key);
        const must = used.slice(0, limit / 2 - 1).includes(key);
        if ((must || known !== undefined) && known !== written.get(key)) wrong.push(key);
        if (write) {
          lru.set(key, at);
          written.set(key, at);
        }
        if (write || known !== undefined) used = [key, ...used.filter((one) => one !== key)];
      }
      expect(wrong).toEqual([]);
      const there = Array.from({ length: 21 }, (_, key) => lru.get(key)).filter((value) => value !== undefined);
      expect(there.length).toBeLessThanOrEqual(limit);
    }),
  );
});

test('what was deleted is gone', () => {
  const lru = new Lru<string, number>(4);
  for (const [value, key] of ['a', 'b', 'c'].entries()) lru.set(key, value);
  lru.delete('a');
  lru.delete('c');
  expect(['a', 'b', 'c'].map((key) => lru.get(key))).toEqual([undefined, 1, undefined]);
});
