import { expect, test } from 'vitest';
import { ListGate } from './list-gate.ts';

test('one list of a kind runs at a time, and four in all', async () => {
  const gate = new ListGate();
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (kind: string): Promise<void> =>
    gate.run(kind, undefined, () => {
      running.push(kind);
      return new Promise((resolve) => ends.set(kind, resolve));
    });
  const all = ['a', 'a', 'b', 'c', 'd', 'e'].map(run);
  await Promise.resolve();
  expect(running).toEqual(['a', 'b', 'c', 'd']);
  ends.get('a')?.();
  await all[0];
  expect(running).toEqual(['a', 'b', 'c', 'd', 'a']);
  ends.get('b')?.();
  await all[2];
  expect(running.at(-1)).toBe('e');
  for (const end of ends.values()) end();
  await Promise.all(all);
});

test('one that aborts while it waits leaves its turn to others', async () => {
  const gate = new ListGate();
  const first = Promise.withResolvers<void>();
  const held = gate.run('a', undefined, () => first.promise);
  const stopped = new AbortController();
  const second = gate.run('a', stopped.signal, () => Promise.resolve());
  stopped.abort();
  await expect(second).rejects.toMatchObject({ code: 'cancelled' });
  first.resolve();
  await held;
  await gate.run('a', undefined, () => Promise.resolve());
});
