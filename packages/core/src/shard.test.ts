import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberId, memberName, shardOwner } from './shard.ts';

const UNITS = Array.from({ length: 3_000 }, (_, index) => `Kustomization/team-${index % 30}/app-${index}`);
const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), { minLength: 2, maxLength: 8 });
const members = names.map((all) => all.map((name) => memberId(name, '1')).sort());
const ownersOf = (all: readonly string[]): Map<string, string | null> =>
  new Map(UNITS.map((unit) => [unit, shardOwner(unit, all)]));

test('without members nobody owns anything', () => {
  expect(shardOwner('Kustomization/a/b', [])).toBeNull();
});

test('the order of the members does not matter', () => {
  fc.assert(
    fc.property(members, fc.string(), (all, unit) => {
      expect(shardOwner(unit, all.toReversed())).toBe(shardOwner(unit, all));
    }),
  );
});

test('when a member leaves, only its units move', () => {
  fc.assert(
    fc.property(members, fc.nat(), (all, pick) => {
      const gone = all[pick % all.length];
      const before = ownersOf(all);
      const after = ownersOf(all.filter((member) => member !== gone));
      const moved = UNITS.filter((unit) => after.get(unit) !== before.get(unit));
      expect(moved).toEqual(UNITS.filter((unit) => before.get(unit) === gone));
    }),
    { numRuns: 10 },
  );
});

test.each([2, 3, 5, 8])('%i members have even shares', (count) => {
  const all = Array.from({ length: count }, (_, index) => memberId(`plumb-7d9f8b6c5-${index}`, 'x'));
  const owners = ownersOf(all);
  const even = UNITS.length / count;
  for (const member of all) {
    const share = [...owners.values()].filter((owner) => owner === member).length;
    expect(share).toBeGreaterThan(even * 0.8);
    expect(share).toBeLessThan(even * 1.2);
  }
});

describe('a process that comes back under its name', () => {
  test('gets its units back', () => {
    const before = [memberId('a', '1'), memberId('b', '1')];
    const after = [memberId('a', '2'), memberId('b', '1')];
    for (const unit of UNITS) {
      expect(memberName(shardOwner(unit, after) ?? '')).toBe(memberName(shardOwner(unit, before) ?? ''));
    }
  });

  test('stands beside its former self for a while, and one of them owns each unit', () => {
    const both = [memberId('a', '1'), memberId('a', '2')];
    expect(shardOwner('Kustomization/a/b', both)).toBe(memberId('a', '2'));
    expect(shardOwner('Kustomization/a/b', both.toReversed())).toBe(memberId('a', '2'));
  });
});
