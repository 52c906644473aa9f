import type { JsonObject } from '@plumb/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergePatch } from './merge-patch.ts';

const cases: { name: string; before: JsonObject; after: JsonObject; patch: JsonObject | null }[] = [
  { name: 'nothing changed', before: { a: 1, b: { c: [1] } }, after: { a: 1, b: { c: [1] } }, patch: null },
  { name: 'a value', before: { a: 1, b: 2 }, after: { a: 1, b: 3 }, patch: { b: 3 } },
  { name: 'a field more', before: {}, after: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  { name: 'a field less', before: { a: 1, b: 2 }, after: { a: 1 }, patch: { b: null } },
  { name: 'deep inside', before: { a: { b: 1, c: 2 } }, after: { a: { b: 1 } }, patch: { a: { c: null } } },
  { name: 'a list as a whole', before: { a: [1, 2] }, after: { a: [1, 3] }, patch: { a: [1, 3] } },
  { name: 'a list that became a map', before: { a: [1] }, after: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  { name: 'a map that became text', before: { a: { b: 1 } }, after: { a: 'b' }, patch: { a: 'b' } },
];

test.each(cases)('$name', ({ before, after, patch }) => {
  expect(mergePatch(before, after)).toEqual(patch);
});

/** RFC 7396, section 2. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  const result = base as Record<string, unknown>;
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applied(result[name], value);
  }
  return result;
}

const name = fc.constantFrom('a', 'b', 'c');
const { tree } = fc.letrec<{ tree: JsonObject; node: unknown }>((tie) => ({
  tree: fc.dictionary(name, tie('node'), { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
  node: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.string(),
    fc.array(fc.integer(), { maxLength: 2 }),
    tie('tree'),
  ),
}));

test('applied to what was, it always gives what is wanted', () => {
  fc.assert(
    fc.property(tree, tree, (before, after) => {
      const patch = mergePatch(before, after);
      expect(patch === null ? before : applied(before, patch)).toEqual(after);
    }),
  );
});
